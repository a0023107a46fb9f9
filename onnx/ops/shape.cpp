// Shapes and constants, which are known before the model runs.
#include <fmt/format.h>

#include <cmath>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

using Kind = Constant::Kind;

Constant list(Kind kind, std::vector<double> numbers) {
  return {kind, {static_cast<std::int64_t>(numbers.size())}, std::move(numbers)};
}

Results shape(Call& call) {
  const Shape x = call.shape(0);
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto place = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank);
  };
  const std::int64_t first = place(call.integer("start", 0)),
                     end = place(call.integer("end", rank));
  if (first >= end) return {list(Kind::integer, {})};
  return {list(Kind::integer, {x.begin() + first, x.begin() + end})};
}

Results size(Call& call) {
  return {Constant{Kind::integer, {}, {static_cast<double>(element_count(call.shape(0)))}}};
}

Results constant(Call& call) {
  if (call.has_attribute("value")) return {call.tensor_attribute("value")};
  if (call.has_attribute("value_int"))
    return {Constant{Kind::integer, {}, {static_cast<double>(call.integer("value_int", 0))}}};
  if (call.has_attribute("value_float"))
    return {Constant{Kind::number, {}, {call.number("value_float", 0)}}};
  if (call.has_attribute("value_ints")) {
    const auto values = call.integers("value_ints");
    return {list(Kind::integer, {values.begin(), values.end()})};
  }
  if (call.has_attribute("value_floats")) return {list(Kind::number, call.numbers("value_floats"))};
  throw Error("onnx", "has no value of numbers");
}

Results filled(Call& call) {
  Constant value{Kind::number, {1}, {0}};
  if (call.has_attribute("value")) value = call.tensor_attribute("value");
  const double number = value.numbers.at(0);
  return {built(call.budget(), value.kind, integers(call.constant(0)),
                [&](const Shape&) { return number; })};
}

Results range(Call& call) {
  const Constant start = call.constant(0);
  const double first = start.numbers.at(0), end = call.constant(1).numbers.at(0);
  const double step = call.constant(2).numbers.at(0);
  const double count = std::max(0.0, std::ceil((end - first) / step));
  if (!(count < 0x1p53)) throw Error("onnx", fmt::format("there are {} numbers", count));
  call.budget().make(static_cast<std::int64_t>(count));
  std::vector<double> numbers;
  for (double i = 0; i < count; ++i) numbers.push_back(first + i * step);
  return {list(start.kind, std::move(numbers))};
}

/// The element types of ONNX: 1 float, 10 float16, 11 double, 9 bool, 8 text, else integers.
Kind kind_of(std::int64_t type) {
  if (type == 9) return Kind::boolean;
  if (type == 8) throw Error("onnx", "the element type is text, expected numbers");
  return type == 1 || type == 10 || type == 11 || type == 16 ? Kind::number : Kind::integer;
}

Results cast_to(Call& call) {
  const Kind kind = kind_of(call.integer("to", 1));
  const Tensor x = call.tensor(0);
  if (kind == Kind::boolean)
    return {Tensor{not_equal(x.var, call.graph().constant({}, 0), call.name()), x.axes}};
  return {Tensor{kind == Kind::integer ? cast(x.var, DType::i32, call.name()) : x.var, x.axes}};
}

Constant known_cast(const Call& call) {
  Constant x = call.constant(0);
  x.kind = kind_of(call.integer("to", 1));
  for (double& number : x.numbers) {
    if (x.kind == Kind::boolean) number = number != 0;
    if (x.kind == Kind::integer) number = std::trunc(number);
  }
  return x;
}

}  // namespace

std::vector<Operator> shape_operators() {
  return {{"Cast", one, cast_to, known_cast},
          {"Constant", none, constant},
          {"ConstantOfShape", one, filled},
          {"Range", three, range},
          {"Shape", one, shape},
          {"Size", one, size}};
}

}  // namespace tessera::importer
