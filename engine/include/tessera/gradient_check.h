// Checks the gradients of a graph against finite differences of its results on the same device. For
// custom ops, and for layers made of ops.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/device.h"
#include "tessera/graph.h"
#include "tessera/task.h"

namespace tessera {

/// An input of the function to check.
struct CheckedInput {
  std::string name;
  TensorSpec spec;  ///< gradients of f32 inputs are checked
  /// Elements of the input. Empty: random in [-1, 1) for f32, else 0. Elements at which the
  /// function has a kink are skipped, because finite differences are not valid there.
  std::vector<double> values = {};
};

/// Settings of the check.
struct GradientCheckOptions {
  /// Step of the finite differences, in units of the inputs. They evaluate up to twice this step in
  /// each direction.
  double step = 1.0 / 32;
  /// Maximum error, relative to the largest gradient of the input. The rounding noise of float32 is
  /// added.
  double tolerance = 2e-3;
  std::int64_t elements = 64;  ///< to check in each input, at most, spread over it
  std::uint64_t seed = 0;      ///< for random inputs and for the weights of the outputs
};

/// Builds y = f(inputs), f32, with `build`, and checks the gradients of a randomly weighted sum of
/// its elements with respect to the inputs. Compares the gradients of tessera/autograd.h to
/// fourth-order central differences, with a few runs of the graph for each element. Returns the
/// largest error, relative to the input's largest gradient. Throws Error that names the input, the
/// element, the gradient and the expected value; also if more than half of an input's elements are
/// at kinks.
TESSERA_API double check_gradients(
    Device& device, const std::vector<CheckedInput>& inputs,
    const std::function<Var(Graph& graph, const std::vector<Var>& inputs)>& build,
    const GradientCheckOptions& options = {});

/// Checks the gradients of the loss of a task, as a training computes them, with respect to its
/// inputs f32 and its parameters, whose values are drawn from `options.seed`: in each tensor along
/// four directions, by differences over `options.step` times the norm of the tensor. `batch` holds
/// the inputs; a few samples are enough. Returns the largest error as a share of the norm of the
/// tensor's gradient, or of a hundredth of the largest norm, if that is more. Throws Error that
/// names the tensor, the derivative and the expected one.
TESSERA_API double check_gradients(Device& device, const Task& task, const Batch& batch,
                                   const GradientCheckOptions& options = {});

}  // namespace tessera
