#include "onnx/evaluate.h"

#include <fmt/format.h>

#include "tessera/error.h"

namespace tessera::importer {

void Places::next() {
  for (std::size_t d = dimensions_.size(); d-- > 0;) {
    const auto& [size, steps] = dimensions_[d];
    const bool more = ++index_[d] < size;
    for (std::size_t i = 0; i < places_.size(); ++i)
      places_[i] += more ? steps[i] : steps[i] * (1 - size);
    if (more) return;
    index_[d] = 0;
  }
}

Shape broadcast(const Shape& a, const Shape& b) {
  if (auto shape = broadcast_shape(a, b)) return *shape;
  throw Error("onnx", fmt::format("{} and {} do not broadcast", to_string(a), to_string(b)));
}

Constant built(Budget& budget, Constant::Kind kind, const Shape& shape,
               const std::function<double(const Shape& index)>& element) {
  Constant result{kind, shape, {}};
  Shape index(shape.size(), 0);
  budget.make(element_count(shape));
  result.numbers.reserve(static_cast<std::size_t>(element_count(shape)));
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

Constant elementwise(Budget& budget, const std::vector<Constant>& operands,
                     const std::function<double(const std::vector<double>&)>& function) {
  std::vector<Shape> shapes;
  Constant result{operands.back().kind, {}, {}};
  for (const Constant& operand : operands) {
    shapes.push_back(operand.shape);
    result.shape = broadcast(result.shape, operand.shape);
  }
  const std::int64_t count = element_count(result.shape);
  budget.make(count);
  result.numbers.reserve(static_cast<std::size_t>(count));
  Places places(broadcast_dimensions(shapes, result.shape), operands.size());
  std::vector<double> elements(operands.size());
  for (std::int64_t left = count; left > 0; --left, places.next()) {
    for (std::size_t i = 0; i < operands.size(); ++i)
      elements[i] = operands[i].numbers.at(places.of(i));
    result.numbers.push_back(function(elements));
  }
  return result;
}

}  // namespace tessera::importer
