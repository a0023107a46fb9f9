// Compares a training step with the reference node by node, for `tessera bisect` and `tessera
// doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/check.h"
#include "tessera/trainer.h"

namespace tessera::tools {

/// A node whose outputs on a device differ from the reference for the same inputs, or are not
/// finite.
struct WrongNode {
  NodeCase node;
  std::vector<Difference> differences;
  std::string not_finite;
};
/// "node 'conv1' (conv2d, tile)".
std::string name_of(const WrongNode& wrong);
/// Describes the node in some lines: shapes, device and algorithm, the worst elements.
std::string report_of(const WrongNode& wrong);

/// Tolerance of products in float32; less precise ones have larger errors.
inline constexpr double float32_tolerance = 1e-4;

struct StepCheck {
  std::size_t nodes = 0;  ///< run and correct
  std::optional<WrongNode> wrong;
};
/// Checks step 0 up to the first wrong node. The reference gets the inputs that each node had on
/// the device.
StepCheck check_step(Trainer& trainer, const Batch& batch, Device& reference, double tolerance);

/// Checks the node alone on a device.
std::optional<WrongNode> check_node(Device& device, Device& reference, NodeCase node,
                                    double tolerance);

}  // namespace tessera::tools
