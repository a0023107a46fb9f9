// Resampling along one axis as a sparse matrix, which the backends read from a node.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// y[outer, j, inner] = sum over t in [first[j], first[j+1]) of
/// weight[t] * x[outer, index[t], inner].
struct Resampling {
  std::int64_t outer, in, out, inner;
  std::vector<std::int32_t> first, index;
  std::vector<float> weight;
};

/// Returns the matrix of a node: resample from its input `from` to its output `to`, or its gradient
/// from dy to dx.
Resampling resampling(bool is_gradient, const Shape& from, const Shape& to,
                      const Attributes& attributes);

}  // namespace tessera
