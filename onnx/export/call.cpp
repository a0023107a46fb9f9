#include "onnx/export/call.h"

namespace tessera::exporter {

const Node* Call::producer(std::size_t i, std::string_view op) const {
  const NodeId id = graph().value(input(i)).producer;
  return id != no_node && graph().node(id).op->name == op ? &graph().node(id) : nullptr;
}

}  // namespace tessera::exporter
