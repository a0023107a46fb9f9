// Whether gradients are right: those that a graph computes, against finite differences of its
// results on the same device. For ops of one's own, and for layers made of ops.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/device.h"
#include "tessera/graph.h"

namespace tessera {

/// An input of the function to check.
struct CheckedInput {
  std::string name;
  TensorSpec spec;  ///< the gradients of those that are f32 are checked
  /// Its elements; none: random in [-1, 1) for f32, else 0. Differences across a kink say nothing,
  /// so such elements are passed over.
  std::vector<double> values = {};
};

/// How closely to look.
struct GradientCheckOptions {
  /// Of the differences, in units of the inputs. They look as far as twice that to either side.
  double step = 1.0 / 32;
  /// Largest error, as a share of the input's largest gradient. The noise of float32 comes on top.
  double tolerance = 2e-3;
  std::int64_t elements = 64;  ///< to look at in each input, at most, spread over it
  std::uint64_t seed = 0;      ///< of random inputs and of the weights of the outputs
};

/// Makes y = f(inputs), f32, with `build`, and compares the gradients of the sum of its elements,
/// weighted at random, with respect to the inputs: as tessera/autograd.h makes them, and by central
/// differences of fourth order; a few runs of the graph for each element. Returns the largest error
/// as a share of the input's largest gradient. Throws Error that names input, element, the gradient
/// and what it was expected to be; also when more than half of an input's elements lie at kinks.
TESSERA_API double check_gradients(
    Device& device, const std::vector<CheckedInput>& inputs,
    const std::function<Var(Graph& graph, const std::vector<Var>& inputs)>& build,
    const GradientCheckOptions& options = {});

}  // namespace tessera
