// A graph run on a device with every node to be looked at: what went in, what came out. For those
// who look for the node that went wrong; it is slow.
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

/// A node that a device has run. Of what it writes over, `inputs` has the bytes from before.
struct NodeRun {
  const Graph& graph;
  NodeId id;
  const NodeChoice& choice;
  std::vector<std::vector<std::byte>> inputs, outputs;
  /// The node that ran.
  const Node& node() const { return graph.node(id); }
};

/// False: that is enough.
using Visit = std::function<bool(const NodeRun&)>;

/// By name.
using InputBytes = std::map<std::string, std::vector<std::byte>, std::less<>>;

/// Runs a graph without outputs, as often as it takes to keep in memory what some of its nodes
/// read and make, and shows its nodes in order. Works on copies of the parameters and states;
/// those of the trainer itself start anew.
TESSERA_API void inspect(Device& device, const Graph& graph, const Params& params,
                         const InputBytes& inputs, const Visit& visit);

/// Where the first number that is not finite stands, or -1; all whole numbers are finite.
TESSERA_API std::int64_t first_not_finite(const TensorSpec& spec,
                                          const std::vector<std::byte>& bytes);
/// "node 'conv1' (conv2d, naive) gives nan in 3 of 512 elements", or nothing when all outputs are
/// finite.
TESSERA_API std::string not_finite(const NodeRun& run);

}  // namespace tessera
