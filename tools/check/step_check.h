// A step of training held against the reference, node by node: for `tessera bisect` and `tessera
// doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/check.h"
#include "tessera/trainer.h"

namespace tessera::tools {

/// A node whose outputs on a device are not those of the reference for the same inputs, or not
/// finite.
struct WrongNode {
  NodeCase node;
  std::vector<Difference> differences;
  std::string not_finite;
};
/// "node 'conv1' (conv2d, tile)".
std::string name_of(const WrongNode& wrong);
/// In some lines: shapes, device and algorithm, the worst elements.
std::string report_of(const WrongNode& wrong);

/// Products are in float32; less precise ones are off by more.
inline constexpr double float32_tolerance = 1e-4;

struct StepCheck {
  std::size_t nodes = 0;  ///< run and found to be right
  std::optional<WrongNode> wrong;
};
/// Of step 0, up to the first wrong node. Each node is given to the reference with the inputs that
/// it had on the device.
StepCheck check_step(Trainer& trainer, const Batch& batch, Device& reference, double tolerance);

/// The node alone, on a device.
std::optional<WrongNode> check_node(Device& device, Device& reference, NodeCase node,
                                    double tolerance);

}  // namespace tessera::tools
