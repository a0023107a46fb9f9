// The geometry of a normalization, which the backends read from a node.
#pragma once

#include <cstddef>
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

/// The inputs of a batch norm, by their number: x, two running statistics, optional weight and
/// bias, optional residual.
struct BatchNormInputs {
  bool affine;
  std::size_t residual;  ///< 0: none

  explicit BatchNormInputs(std::size_t count)
      : affine(count >= 5), residual(count % 2 == 0 ? count - 1 : 0) {}
};

/// Returns the geometry from the attributes samples, groups and channels; without them, of a batch
/// norm.
NormalizationGeometry normalization_geometry(const TensorSpec& x, const Attributes& attributes);

}  // namespace tessera
