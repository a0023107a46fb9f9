#include "onnx/evaluate.h"

#include <fmt/format.h>

#include "engine/ops/broadcast.h"
#include "tessera/error.h"

namespace tessera::importer {

Shape broadcast(const Shape& a, const Shape& b) {
  if (auto shape = broadcast_shape(a, b)) return *shape;
  throw Error("onnx", fmt::format("{} and {} do not broadcast", to_string(a), to_string(b)));
}

Constant built(Constant::Kind kind, const Shape& shape,
               const std::function<double(const Shape& index)>& element) {
  Constant result{kind, shape, {}};
  Shape index(shape.size(), 0);
  for (std::int64_t left = element_count(shape); left > 0; --left) {
    result.numbers.push_back(element(index));
    for (std::size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i]) break;
      index[i] = 0;
    }
  }
  return result;
}

double element_at(const Constant& x, const Shape& index) {
  const std::size_t extra = index.size() - x.shape.size();
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    offset = offset * x.shape[i] + (x.shape[i] == 1 ? 0 : index[i + extra]);
  return x.numbers.at(static_cast<std::size_t>(offset));
}

Constant elementwise(const std::vector<Constant>& operands,
                     const std::function<double(const std::vector<double>&)>& function) {
  Shape shape;
  for (const Constant& operand : operands) shape = broadcast(shape, operand.shape);
  std::vector<double> elements(operands.size());
  return built(operands.back().kind, shape, [&](const Shape& index) {
    for (std::size_t i = 0; i < operands.size(); ++i) elements[i] = element_at(operands[i], index);
    return function(elements);
  });
}

}  // namespace tessera::importer
