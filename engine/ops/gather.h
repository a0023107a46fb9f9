// The geometry of gathers, which the backends read from a node.
#pragma once

#include <cstdint>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// y[o,i,n] = x[o, index[o*outer_step + i*step + n*inner_step], n] for x [outer,A,inner] and
/// y [outer,I,inner].
struct GatherGeometry {
  std::int64_t outer, A, inner, I;
  std::int64_t outer_step, step, inner_step;
};

/// Returns the geometry of gather and take for the shape of x, and of their gradients for the shape
/// of dx.
GatherGeometry gather_geometry(std::string_view op, const Shape& x, const Shape& index,
                               const Attributes& attributes);

}  // namespace tessera
