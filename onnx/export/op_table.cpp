#include "onnx/export/op_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "tessera/error.h"

namespace tessera::exporter {
namespace {

using Table = std::map<std::string, void (*)(Call& call), std::less<>>;

const Table& table() {
  static const Table all = [] {
    Table rows;
    for (const auto& family : {convolution_rows, elementwise_rows, matmul_rows, movement_rows,
                               normalization_rows, pooling_rows, reduction_rows, resample_rows})
      for (const Row& row : family()) rows[row.op] = row.write;
    return rows;
  }();
  return all;
}

/// Whether the attributes of an op are computed again from shapes.
bool is_open(std::string_view op) { return op == "reshape" || op == "expand" || op == "normalize"; }

void write_node(Writer& writer, const Node& node) {
  const auto row = table().find(node.op->name);
  if (row == table().end()) throw Error("ONNX has no such operator");
  if (writer.depends_on_batch(node) && !is_open(node.op->name))
    throw Error("its attributes depend on the size of the batch");
  if (node.attributes.has("activation"))
    throw Error("has a fused activation, expected a graph before fuse()");
  Call call(writer, node);
  row->second(call);
}

}  // namespace

void write_nodes(Writer& writer) {
  std::vector<std::string> problems;
  for (const Node& node : writer.graph().nodes()) {
    try {
      write_node(writer, node);
    } catch (const Error& error) {
      problems.push_back(fmt::format("{} (node '{}'): {}", node.op->name, node.name, error.what()));
      for (ValueId value : node.outputs)  // so that the Error names only this node
        writer.set(value, {node.name, importer::plain_axes(writer.shape(value).size())});
    }
  }
  if (!problems.empty())
    throw Error("onnx", fmt::format("cannot be written: {}", fmt::join(problems, "; ")));
}

}  // namespace tessera::exporter
