// Arithmetic on known tensors, with which exporters compute shapes.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/ops/broadcast.h"
#include "onnx/budget.h"
#include "onnx/constant.h"

namespace tessera::importer {

/// Returns the broadcast shape. Throws Error if the shapes do not broadcast.
Shape broadcast(const Shape& a, const Shape& b);

/// Returns function(elements at the same position) of the broadcast operands, with the kind of the
/// last one.
Constant elementwise(Budget& budget, const std::vector<Constant>& operands,
                     const std::function<double(const std::vector<double>&)>& function);
/// Returns a tensor with the elements element(index), in row-major order.
Constant built(Budget& budget, Constant::Kind kind, const Shape& shape,
               const std::function<double(const Shape& index)>& element);
/// Iterates over the elements of a broadcast, with the index into each operand.
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

/// Dimensions of size 1 are repeated; leading ones may be absent.
double element_at(const Constant& x, const Shape& index);

}  // namespace tessera::importer
