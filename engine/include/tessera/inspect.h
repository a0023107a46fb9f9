// Runs a graph on a device and shows the inputs and outputs of every node, for finding the node
// that went wrong. It is slow.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/device.h"
#include "tessera/params.h"

namespace tessera {

/// A node that a device has run. For tensors that the node updates in place, `inputs` has the bytes
/// before the update.
struct NodeRun {
  const Graph& graph;
  NodeId id;
  const NodeChoice& choice;
  std::vector<std::vector<std::byte>> inputs, outputs;
  /// Returns the node that ran.
  const Node& node() const { return graph.node(id); }
};

/// Called for each node. Returns false to stop.
using Visit = std::function<bool(const NodeRun&)>;

/// Bytes of the inputs, by name.
using InputBytes = std::map<std::string, std::vector<std::byte>, std::less<>>;

/// Runs a graph without outputs and calls `visit` for its nodes in order. Runs the graph several
/// times if the inputs and outputs of all nodes do not fit into memory at once. Works on copies of
/// the parameters and states; the trainer's own states start from their initial values.
TESSERA_API void inspect(Device& device, const Graph& graph, const Params& params,
                         const InputBytes& inputs, const Visit& visit);

/// Returns the index of the first element that is not finite, or -1. Integers are always finite.
TESSERA_API std::int64_t first_not_finite(const TensorSpec& spec,
                                          const std::vector<std::byte>& bytes);
/// Returns "node 'conv1' (conv2d, naive) gives nan in 3 of 512 elements", or an empty string if all
/// outputs are finite.
TESSERA_API std::string not_finite(const NodeRun& run);

}  // namespace tessera
