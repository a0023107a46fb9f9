// Elementwise functions of one, two, three or any number of tensors.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// Operands in one memory order, so that they broadcast.
struct Aligned {
  std::vector<Var> vars;
  Axes axes;
  Tensor tensor(Var var) const { return {var, axes}; }
};

/// Before opset 7 an attribute aligns the first dimension of b with a dimension of a.
std::vector<Tensor> operands_of(Call& call) {
  std::vector<Tensor> operands;
  for (std::size_t i = 0; i < call.inputs(); ++i) operands.push_back(call.tensor(i));
  if (call.opset() >= 7 || !call.has_attribute("axis") || operands.size() != 2) return operands;
  const std::size_t a = rank_of(operands[0]), b = rank_of(operands[1]);
  const auto first = static_cast<std::size_t>(checked_axis(call.integer("axis", 0), a));
  if (first + b > a)
    throw Error("onnx", fmt::format("axis is {}, expected room for {} dimensions", first, b));
  Shape shape = shape_of(operands[1]);
  shape.insert(shape.end(), a - first - b, 1);
  operands[1] = reshaped(operands[1], shape);
  return operands;
}

/// Returns the order of the first operand with all dimensions that is not plain, so that images do
/// not move.
Aligned aligned(Call& call) {
  const std::vector<Tensor> operands = operands_of(call);
  std::size_t rank = 0;
  for (const Tensor& x : operands) rank = std::max(rank, rank_of(x));
  Aligned result{{}, plain_axes(rank)};
  const auto image = std::find_if(operands.begin(), operands.end(), [&](const Tensor& x) {
    return rank_of(x) == rank && x.axes != plain_axes(rank);
  });
  if (image != operands.end()) result.axes = image->axes;
  for (const Tensor& x : operands)
    result.vars.push_back(rank_of(x) == 0 ? x.var : ordered(with_rank(x, rank), result.axes));
  return result;
}

template <Var (*function)(Var, std::string)>
Results unary(Call& call) {
  const Tensor x = call.tensor(0);
  return {Tensor{function(x.var, call.name()), x.axes}};
}

template <Var (*function)(Call&, Var)>
Results with_attributes(Call& call) {
  const Tensor x = call.tensor(0);
  return {Tensor{function(call, x.var), x.axes}};
}

template <Var (*function)(Var, Var, std::string)>
Results binary(Call& call) {
  const Aligned operands = aligned(call);
  return {operands.tensor(function(operands.vars.at(0), operands.vars.at(1), call.name()))};
}

template <Var (*function)(Var, Var, std::string)>
Results variadic(Call& call) {
  const Aligned operands = aligned(call);
  Var y = operands.vars.at(0);
  for (std::size_t i = 1; i < operands.vars.size(); ++i) y = function(y, operands.vars[i], "");
  return {operands.tensor(y)};
}

Results mean_of_operands(Call& call) {
  Tensor y = std::get<Tensor>(variadic<add>(call)[0]);
  y.var = div(y.var, static_cast<double>(call.inputs()));
  return {y};
}

/// A list of slopes has one slope per channel, unless it fits the last dimension.
Results leaky_with_slopes(Call& call) {
  const Tensor x = call.tensor(0), slope = call.tensor(1);
  const Shape shape = shape_of(x), slopes = shape_of(slope);
  const bool of_channels = slopes.size() == 1 && shape.size() > 2 && slopes[0] == shape[1] &&
                           (slopes[0] != shape.back() || call.opset() < 7);
  if (!of_channels) return binary<prelu>(call);
  Shape channels(shape.size() - 1, 1);
  channels[0] = slopes[0];
  const Var weight = ordered(with_rank(reshaped(slope, channels), rank_of(x)), x.axes);
  return {Tensor{prelu(x.var, weight, call.name()), x.axes}};
}

Results power(Call& call) {
  if (call.is_constant(1)) {
    const Constant exponent = call.constant(1);
    const Tensor x = call.tensor(0);
    if (exponent.numbers == std::vector<double>{2} && exponent.shape.size() <= rank_of(x))
      return {Tensor{square(x.var, call.name()), x.axes}};
  }
  return binary<pow>(call);
}

Results choice(Call& call) {
  const Aligned operands = aligned(call);
  return {operands.tensor(
      where(operands.vars.at(0), operands.vars.at(1), operands.vars.at(2), call.name()))};
}

Results clip(Call& call) {
  const Tensor x = call.tensor(0);
  const auto is_known = [&](std::size_t i) { return !call.has(i) || call.is_constant(i); };
  if (is_known(1) && is_known(2)) {
    const double least = call.number_setting("min", 1).value_or(-INFINITY);
    const double most = call.number_setting("max", 2).value_or(INFINITY);
    if (least == 0 && most == 6) return {Tensor{relu6(x.var, call.name()), x.axes}};
    if (least == 0 && most > 1e38) return {Tensor{relu(x.var, call.name()), x.axes}};
    return {Tensor{clamp(x.var, least, most, call.name()), x.axes}};
  }
  Var y = x.var;
  if (call.has(1)) y = maximum(y, plain_var(call.tensor(1)));
  if (call.has(2)) y = minimum(y, plain_var(call.tensor(2)));
  return {Tensor{y, x.axes}};
}

Results dropout_of(Call& call) {
  const Tensor x = call.tensor(0);
  const double ratio = call.number_setting("ratio", 1).value_or(0.5);
  Results results = {Tensor{layers::dropout(x.var, call.name(), ratio), x.axes}};
  if (call.outputs() > 1 && call.graph().mode() == Mode::inference)  // nothing is masked
    results.push_back(plain(call.graph().constant(shape_of(x), 1)));
  return results;
}

Var leaky(Call& call, Var x) { return leaky_relu(x, call.number("alpha", 0.01), call.name()); }
Var exponential(Call& call, Var x) { return elu(x, call.number("alpha", 1), call.name()); }
Var scaled_exponential(Call& call, Var x) {
  return mul(elu(x, call.number("alpha", 1.67326319217681884765625), call.name()),
             call.number("gamma", 1.05070102214813232421875));
}
Var continuous_exponential(Call& call, Var x) {
  const double alpha = call.number("alpha", 1);
  return mul(elu(div(x, alpha), 1, call.name()), alpha);
}
Var hard_sigmoid(Call& call, Var x) {
  return clamp(add(mul(x, call.number("alpha", 0.2)), call.number("beta", 0.5)), 0, 1, call.name());
}
Var thresholded(Call& call, Var x) {
  const Var above = greater(x, call.graph().constant({}, call.number("alpha", 1)));
  return where(above, x, call.graph().constant({}, 0), call.name());
}
Var gaussian(Call& call, Var x) {
  return call.text("approximate", "none") == "tanh" ? gelu_tanh(x, call.name())
                                                    : gelu(x, call.name());
}
Var reciprocal(Call& call, Var x) { return div(call.graph().constant({}, 1), x, call.name()); }
Var softplus_of(Call& call, Var x) { return softplus(x, 1, INFINITY, call.name()); }
Var softsign(Call& call, Var x) { return div(x, add(abs(x), 1), call.name()); }
Var sign(Call& call, Var x) {
  const Var zero = call.graph().constant({}, 0);
  return sub(greater(x, zero), less(x, zero), call.name());
}
Var negation(Call& call, Var x) { return equal(x, call.graph().constant({}, 0), call.name()); }

/// Numbers from 2^30 on are integers.
Var floor_of(Call& call, Var x) {
  const Var whole = cast(cast(clamp(x, -0x1p30, 0x1p30), DType::i32), DType::f32);
  const Var below = sub(whole, greater(whole, x));
  return where(less(abs(x), call.graph().constant({}, 0x1p30)), below, x, call.name());
}
/// a - b * (a / b), the quotient rounded towards 0 (fmod) or down.
Results remainder(Call& call) {
  const Aligned operands = aligned(call);
  const Var a = operands.vars[0], b = operands.vars[1];
  const Var quotient = div(a, b), down = floor_of(call, quotient);
  if (!call.flag("fmod")) return {operands.tensor(sub(a, mul(b, down)))};
  const Var up = neg(floor_of(call, neg(quotient)));
  const Var cut = where(less(quotient, call.graph().constant({}, 0)), up, down);
  return {operands.tensor(sub(a, mul(b, cut)))};
}

Var ceil_of(Call& call, Var x) { return neg(floor_of(call, neg(x))); }

using Numbers = std::vector<double>;

/// Computes a node on known tensors.
template <double (*function)(const Numbers&)>
Constant known(const Call& call) {
  std::vector<Constant> operands;
  for (std::size_t i = 0; i < call.inputs(); ++i) operands.push_back(call.constant(i));
  return elementwise(call.budget(), operands, function);
}

template <double (*function)(const Numbers&)>
Constant comparison(const Call& call) {
  Constant result = known<function>(call);
  result.kind = Constant::Kind::boolean;
  return result;
}

Constant quotient(const Call& call) {
  const Constant a = call.constant(0), b = call.constant(1);
  if (a.kind == Constant::Kind::number)
    return elementwise(call.budget(), {a, b}, [](const Numbers& x) { return x[0] / x[1]; });
  return elementwise(call.budget(), {a, b}, [](const Numbers& x) {  // whole numbers, towards 0
    return x[1] == 0 ? 0 : std::trunc(x[0] / x[1]);
  });
}

Constant known_remainder(const Call& call) {
  const bool cut = call.flag("fmod"), integer = call.constant(0).kind == Constant::Kind::integer;
  return elementwise(call.budget(), {call.constant(0), call.constant(1)}, [&](const Numbers& x) {
    if (integer && x[1] == 0) return 0.0;
    const double rest = std::fmod(x[0], x[1]);
    return !cut && rest != 0 && (rest < 0) != (x[1] < 0) ? rest + x[1] : rest;
  });
}

double sum_of(const Numbers& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double mean_of(const Numbers& x) { return sum_of(x) / static_cast<double>(x.size()); }
double difference_of(const Numbers& x) { return x[0] - x[1]; }
double product_of(const Numbers& x) { return x[0] * x[1]; }
double equal_of(const Numbers& x) { return x[0] == x[1]; }
double less_of(const Numbers& x) { return x[0] < x[1]; }
double greater_of(const Numbers& x) { return x[0] > x[1]; }
double at_most_of(const Numbers& x) { return x[0] <= x[1]; }
double at_least_of(const Numbers& x) { return x[0] >= x[1]; }
double other_of(const Numbers& x) { return (x[0] != 0) != (x[1] != 0); }
double power_of(const Numbers& x) { return std::pow(x[0], x[1]); }
double absolute_of(const Numbers& x) { return std::abs(x[0]); }
double sign_of_known(const Numbers& x) { return x[0] > 0 ? 1 : x[0] < 0 ? -1 : 0; }
double choice_of(const Numbers& x) { return x[0] != 0 ? x[1] : x[2]; }
double negative_of(const Numbers& x) { return -x[0]; }
double not_of(const Numbers& x) { return x[0] == 0; }
double and_of(const Numbers& x) { return x[0] != 0 && x[1] != 0; }
double or_of(const Numbers& x) { return x[0] != 0 || x[1] != 0; }
double floor_of_known(const Numbers& x) { return std::floor(x[0]); }
double ceil_of_known(const Numbers& x) { return std::ceil(x[0]); }
double root_of(const Numbers& x) { return std::sqrt(x[0]); }
double least_of(const Numbers& x) { return *std::min_element(x.begin(), x.end()); }
double most_of(const Numbers& x) { return *std::max_element(x.begin(), x.end()); }

/// Of the kind of the base.
Constant known_power(const Call& call) {
  Constant result = known<power_of>(call);
  result.kind = call.constant(0).kind;
  if (result.kind == Constant::Kind::integer)
    for (double& number : result.numbers) number = std::trunc(number);
  return result;
}

std::vector<Operator> functions_of_one() {
  return {{"Abs", one, unary<abs>, known<absolute_of>},
          {"Ceil", one, with_attributes<ceil_of>, known<ceil_of_known>},
          {"Celu", one, with_attributes<continuous_exponential>},
          {"Clip", {1, 3}, clip},
          {"Dropout", {1, 3}, dropout_of},
          {"Elu", one, with_attributes<exponential>},
          {"Erf", one, unary<erf>},
          {"Exp", one, unary<exp>},
          {"Floor", one, with_attributes<floor_of>, known<floor_of_known>},
          {"Gelu", one, with_attributes<gaussian>},
          {"HardSigmoid", one, with_attributes<hard_sigmoid>},
          {"HardSwish", one, unary<hardswish>},
          {"LeakyRelu", one, with_attributes<leaky>},
          {"Log", one, unary<log>},
          {"Mish", one, unary<mish>},
          {"Neg", one, unary<neg>, known<negative_of>},
          {"Not", one, with_attributes<negation>, comparison<not_of>},
          {"Reciprocal", one, with_attributes<reciprocal>},
          {"Relu", one, unary<relu>},
          {"Selu", one, with_attributes<scaled_exponential>},
          {"Sigmoid", one, unary<sigmoid>},
          {"Sign", one, with_attributes<sign>, known<sign_of_known>},
          {"Softplus", one, with_attributes<softplus_of>},
          {"Softsign", one, with_attributes<softsign>},
          {"Sqrt", one, unary<sqrt>, known<root_of>},
          {"Tanh", one, unary<tanh>},
          {"ThresholdedRelu", one, with_attributes<thresholded>}};
}

std::vector<Operator> functions_of_several() {
  return {{"Add", two, binary<add>, known<sum_of>},
          {"And", two, binary<mul>, comparison<and_of>},
          {"Div", two, binary<div>, quotient},
          {"Equal", two, binary<equal>, comparison<equal_of>},
          {"Greater", two, binary<greater>, comparison<greater_of>},
          {"GreaterOrEqual", two, binary<greater_equal>, comparison<at_least_of>},
          {"Less", two, binary<less>, comparison<less_of>},
          {"LessOrEqual", two, binary<less_equal>, comparison<at_most_of>},
          {"Max", any, variadic<maximum>, known<most_of>},
          {"Mean", any, mean_of_operands, known<mean_of>},
          {"Min", any, variadic<minimum>, known<least_of>},
          {"Mod", two, remainder, known_remainder},
          {"Mul", two, binary<mul>, known<product_of>},
          {"Or", two, binary<maximum>, comparison<or_of>},
          {"PRelu", two, leaky_with_slopes},
          {"Pow", two, power, known_power},
          {"Sub", two, binary<sub>, known<difference_of>},
          {"Sum", any, variadic<add>, known<sum_of>},
          {"Where", three, choice, known<choice_of>},
          {"Xor", two, binary<not_equal>, comparison<other_of>}};
}

}  // namespace

std::vector<Operator> elementwise_operators() {
  std::vector<Operator> all = functions_of_one();
  for (Operator& row : functions_of_several()) all.push_back(std::move(row));
  return all;
}

}  // namespace tessera::importer
