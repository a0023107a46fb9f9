// Random nets of products, norms, sums, activations, slices and values that several nodes read.
#pragma once

#include <cstdint>

#include "tests/passes/step.h"

namespace tessera::tests {

/// Appends a net of about `nodes` layers; equal seeds append equal nets.
Net random_net(Graph& graph, std::uint64_t seed, int nodes);

}  // namespace tessera::tests
