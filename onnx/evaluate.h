// Arithmetic on known tensors: what exporters compute shapes with.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/ops/broadcast.h"
#include "onnx/budget.h"
#include "onnx/constant.h"

namespace tessera::importer {

/// Throws Error when they do not fit.
Shape broadcast(const Shape& a, const Shape& b);

/// function(elements at the same place), the operands broadcast; the kind is that of the last.
Constant elementwise(Budget& budget, const std::vector<Constant>& operands,
                     const std::function<double(const std::vector<double>&)>& function);
/// Its elements are element(index), in row order.
Constant built(Budget& budget, Constant::Kind kind, const Shape& shape,
               const std::function<double(const Shape& index)>& element);
/// Where the operands of a broadcast have their elements, element by element of the result.
class Places {
 public:
  Places(std::vector<BroadcastDimension> dimensions, std::size_t operands)
      : dimensions_(std::move(dimensions)), index_(dimensions_.size()), places_(operands) {}
  std::size_t of(std::size_t operand) const { return static_cast<std::size_t>(places_[operand]); }
  void next();

 private:
  std::vector<BroadcastDimension> dimensions_;
  std::vector<std::int64_t> index_, places_;
};

/// Dimensions of size 1 are repeated, leading ones left out.
double element_at(const Constant& x, const Shape& index);

}  // namespace tessera::importer
