// Arithmetic on known tensors: what exporters compute shapes with.
#pragma once

#include <functional>
#include <vector>

#include "onnx/constant.h"

namespace tessera::importer {

/// Throws Error when they do not fit.
Shape broadcast(const Shape& a, const Shape& b);

/// function(elements at the same place), the operands broadcast; the kind is that of the last.
Constant elementwise(const std::vector<Constant>& operands,
                     const std::function<double(const std::vector<double>&)>& function);
/// Its elements are element(index), in row order.
Constant built(Constant::Kind kind, const Shape& shape,
               const std::function<double(const Shape& index)>& element);
/// Dimensions of size 1 are repeated, leading ones left out.
double element_at(const Constant& x, const Shape& index);

}  // namespace tessera::importer
