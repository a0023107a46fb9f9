// Elementwise functions, as one node or composed of several.
#include <cmath>
#include <map>

#include "onnx/export/op_table.h"
#include "tessera/error.h"

namespace tessera::exporter {
namespace {

/// Returns the order in which operands broadcast: that of the first operand with all dimensions
/// that is not plain, so that images do not move.
Axes common_axes(Call& call) {
  const std::size_t rank = call.output_shape().size();
  const Axes plain = importer::plain_axes(rank);
  for (std::size_t i = 0; i < call.inputs(); ++i) {
    if (call.rank(i) != rank || call.is_held(i)) continue;
    if (const Axes axes = call.tensor(i).axes; axes != plain) return axes;
  }
  return plain;
}

/// The operand in an order that broadcasts the same way.
std::string operand(Call& call, std::size_t i, const Axes& axes) {
  const Value& value = call.graph().value(call.input(i));
  bool is_stretched = false;  // to the shape of another operand
  for (std::size_t j = 0; j < call.inputs(); ++j)
    is_stretched = is_stretched || (j != i && call.shape(j) == call.output_shape());
  if (value.role == Role::constant && is_stretched) return call.number(value.initializer.value);
  return call.writer().in_order(call.input(i), axes.size(), axes);
}

std::vector<std::string> operands(Call& call, const Axes& axes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < call.inputs(); ++i) names.push_back(operand(call, i, axes));
  return names;
}

using Names = std::map<std::string, std::string, std::less<>>;

const Names& names() {
  static const Names all = {{"relu", "Relu"},       {"hardswish", "HardSwish"},
                            {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"},
                            {"exp", "Exp"},         {"erf", "Erf"},
                            {"log", "Log"},         {"sqrt", "Sqrt"},
                            {"abs", "Abs"},         {"neg", "Neg"},
                            {"add", "Add"},         {"sub", "Sub"},
                            {"mul", "Mul"},         {"div", "Div"},
                            {"pow", "Pow"},         {"minimum", "Min"},
                            {"maximum", "Max"},     {"prelu", "PRelu"}};
  return all;
}

/// Exports the same function under ONNX's name.
void same(Call& call) {
  const Axes axes = common_axes(call);
  call.set(call.add(names().at(call.op()), operands(call, axes)), axes);
}

/// Exports a function of x composed of nodes.
template <std::string (*function)(Call& call, const std::string& x)>
void made(Call& call) {
  const Tensor x = call.tensor(0);
  call.set(function(call, x.name), x.axes);
}

std::string times(Call& call, const std::string& x, double factor) {
  return call.add("Mul", {x, call.number(factor)});
}
std::string plus(Call& call, const std::string& x, double term) {
  return call.add("Add", {x, call.number(term)});
}

std::string leaky_relu(Call& call, const std::string& x) {
  return call.add("LeakyRelu", {x}, {{"alpha", call.attributes().number("negative_slope")}});
}
std::string elu(Call& call, const std::string& x) {
  return call.add("Elu", {x}, {{"alpha", call.attributes().number("alpha")}});
}
std::string hardsigmoid(Call& call, const std::string& x) {
  return call.add("HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
}
std::string clip(Call& call, const std::string& x, double least, double most) {
  return call.add("Clip", {x, call.number(least), call.number(most)});
}
std::string relu6(Call& call, const std::string& x) { return clip(call, x, 0, 6); }
std::string clamp(Call& call, const std::string& x) {
  return clip(call, x, call.attributes().number("min"), call.attributes().number("max"));
}
std::string gelu(Call& call, const std::string& x) {
  const std::string erf = call.add("Erf", {times(call, x, std::sqrt(0.5))});
  return call.add("Mul", {times(call, x, 0.5), plus(call, erf, 1)});
}
std::string gelu_tanh(Call& call, const std::string& x) {
  const std::string square = call.add("Mul", {x, x});
  const std::string cubic = plus(call, times(call, square, 0.044715), 1);
  const std::string inner = times(call, call.add("Mul", {x, cubic}), std::sqrt(2 / M_PI));
  return call.add("Mul", {times(call, x, 0.5), plus(call, call.add("Tanh", {inner}), 1)});
}
std::string silu(Call& call, const std::string& x) {
  return call.add("Mul", {x, call.add("Sigmoid", {x})});
}
std::string softplus(Call& call, const std::string& x) {
  const double beta = call.attributes().number("beta");
  if (call.attributes().number("threshold") < 15)
    throw Error("its threshold is below 15, which ONNX does not support");
  if (beta == 1) return call.add("Softplus", {x});
  return times(call, call.add("Softplus", {times(call, x, beta)}), 1 / beta);
}
std::string mish(Call& call, const std::string& x) {
  return call.add("Mul", {x, call.add("Tanh", {call.add("Softplus", {x})})});
}
std::string rsqrt(Call& call, const std::string& x) {
  return call.add("Reciprocal", {call.add("Sqrt", {x})});
}
std::string square(Call& call, const std::string& x) { return call.add("Mul", {x, x}); }

std::string cast(Call& call, const std::string& x, int type) {
  return call.add("Cast", {x}, {{"to", std::int64_t{type}}});
}

/// Converts ONNX's booleans to the numbers 1 and 0.
void comparison(Call& call) {
  static const Names comparisons = {{"equal", "Equal"},     {"not_equal", "Equal"},
                                    {"less", "Less"},       {"less_equal", "LessOrEqual"},
                                    {"greater", "Greater"}, {"greater_equal", "GreaterOrEqual"}};
  const Axes axes = common_axes(call);
  std::string y = call.add(comparisons.at(call.op()), operands(call, axes));
  if (call.op() == "not_equal") y = call.add("Not", {y});
  call.set(cast(call, y, onnx::TensorProto::FLOAT), axes);
}

void where(Call& call) {
  const Axes axes = common_axes(call);
  std::vector<std::string> inputs = operands(call, axes);
  inputs[0] = cast(call, inputs[0], onnx::TensorProto::BOOL);
  call.set(call.add("Where", inputs), axes);
}

void cast_to(Call& call) {
  const std::string& to = call.attributes().text("to");
  const Tensor x = call.tensor(0);
  const int type = to == "f32"   ? onnx::TensorProto::FLOAT
                   : to == "i32" ? onnx::TensorProto::INT32
                                 : onnx::TensorProto::UINT8;
  call.set(cast(call, x.name, type), x.axes);
}

}  // namespace

std::vector<Row> elementwise_rows() {
  std::vector<Row> rows = {{"leaky_relu", made<leaky_relu>},
                           {"elu", made<elu>},
                           {"hardsigmoid", made<hardsigmoid>},
                           {"relu6", made<relu6>},
                           {"clamp", made<clamp>},
                           {"gelu", made<gelu>},
                           {"gelu_tanh", made<gelu_tanh>},
                           {"silu", made<silu>},
                           {"softplus", made<softplus>},
                           {"mish", made<mish>},
                           {"rsqrt", made<rsqrt>},
                           {"square", made<square>},
                           {"equal", comparison},
                           {"not_equal", comparison},
                           {"less", comparison},
                           {"less_equal", comparison},
                           {"greater", comparison},
                           {"greater_equal", comparison},
                           {"where", where},
                           {"cast", cast_to}};
  for (const auto& [op, name] : names()) rows.push_back({op, same});
  return rows;
}

}  // namespace tessera::exporter
