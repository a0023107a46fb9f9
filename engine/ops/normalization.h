// The geometry of a normalisation, which the backends read from a node.
#pragma once

#include <cstdint>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// x is [N,L,G,D]: the L*D elements of each of the G groups of a sample share mean and variance;
/// weight and bias are [G,D]. Batch norm: N = D = 1. Layer norm: L = G = 1.
struct NormalizationGeometry {
  std::int64_t N, L, G, D;
  std::int64_t C() const { return G * D; }
  std::int64_t elements_of_group() const { return L * D; }
};

/// From the attributes samples, groups and channels; without them it is a batch norm.
NormalizationGeometry normalization_geometry(const TensorSpec& x, const Attributes& attributes);

}  // namespace tessera
