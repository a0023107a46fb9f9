// An algorithm, as the op files of each backend list them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/common/node_view.h"

namespace tessera {

/// A way to run the nodes of an op. `DeviceNode` is a NodeView with what the backend knows of its
/// device; `Lower` is the type of the function that makes the work of a node.
template <class DeviceNode, class Lower>
struct BasicAlgorithm {
  using Node = DeviceNode;

  std::string_view name;
  /// Returns why it cannot run a node, or an empty text. nullptr: it runs every node.
  std::string (*refusal)(const DeviceNode&);
  Lower* lower;
  /// Returns the parameters worth trying for a node that it can run, besides its own choice of
  /// them. `lower` reads all parameters of one candidate or none (NodeView::parameter).
  std::vector<Parameters> (*candidates)(const DeviceNode&) = nullptr;
  /// Returns why it is unlikely to pay for a node that it can run, or an empty text. If there is a
  /// reason, only a tuning result or a preference chooses the algorithm.
  std::string (*doubt)(const DeviceNode&) = nullptr;
  /// Whether it counts elements in 64 bits on devices whose kernels otherwise count in 32 bits.
  bool has_long_offsets = false;
};

/// The algorithms of an op in order of preference; the last one is the plainest.
template <class Algorithm>
struct BasicOpAlgorithms {
  std::string_view op;
  std::vector<Algorithm> algorithms;
};

}  // namespace tessera
