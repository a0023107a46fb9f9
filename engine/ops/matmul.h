// The geometry of a matrix product, which the backends read from a node.
#pragma once

#include <cstdint>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// `batch` products y [M,N] = op(a) [M,K] op(b) [K,N], each operand contiguous.
struct MatmulGeometry {
  std::int64_t batch, M, N, K;
  bool transpose_a, transpose_b;

  double flops() const { return 2.0 * static_cast<double>(batch * M) * static_cast<double>(N * K); }
};

MatmulGeometry matmul_geometry(const Shape& a, const Shape& b, const Attributes& attributes);

}  // namespace tessera
