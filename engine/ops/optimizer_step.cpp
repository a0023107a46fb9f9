// Steps of optimizers, in place: op(w, dw, states..., lr, extra), or of n tensors at once: op(n
// weights, n gradients, ... lr, extra). Each is a row here and a formula in
// engine/formulas/optimizer_step.h, which both backends read.
#include "engine/ops/optimizer_step.h"

#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

constexpr double unbounded = HUGE_VAL;

struct Number {
  const char* name;
  double least, most;
};

struct Row {
  const char* op;
  const char* formula;
  std::vector<const char*> states;
  const char* extra;  ///< an input after lr, or nullptr
  DType extra_dtype;
  std::vector<Number> numbers;
  std::vector<const char*> flags;
  std::vector<double> (*constants)(const Attributes&);
};

std::vector<double> sgd_constants(const Attributes& a) {
  const double momentum = a.number("momentum");
  const bool nesterov = a.integer("nesterov") != 0;
  return {momentum, a.number("weight_decay"), nesterov ? momentum : 1.0, nesterov ? 1.0 : 0.0};
}

std::vector<double> adam_constants(const Attributes& a) {
  const double beta1 = a.number("beta1"), beta2 = a.number("beta2");
  const double decay = a.number("weight_decay");
  const bool decoupled = a.integer("decoupled") != 0;
  return {beta1,
          1 - beta1,
          beta2,
          1 - beta2,
          std::log(beta1),
          std::log(beta2),
          a.number("eps"),
          decoupled ? 0 : decay,
          decoupled ? decay : 0};
}

std::vector<double> rmsprop_constants(const Attributes& a) {
  const double alpha = a.number("alpha");
  return {alpha, 1 - alpha, a.number("eps"), a.number("weight_decay"), a.number("momentum")};
}

std::vector<double> adagrad_constants(const Attributes& a) {
  return {a.number("eps"), a.number("weight_decay")};
}

std::vector<double> lars_constants(const Attributes& a) {
  return {a.number("momentum"), a.number("weight_decay")};
}

const std::array<Row, 7>& rows() {
  constexpr Number momentum{"momentum", 0, 1}, eps{"eps", 0, unbounded};
  constexpr Number weight_decay{"weight_decay", 0, unbounded};
  static const std::array<Row, 7> table = {{
      {"sgd_step",
       "g = dw + weight_decay * w; v = momentum * v + g; w = w - lr * (nesterov ? g + momentum * v "
       ": v)",
       {"momentum buffer"},
       nullptr,
       DType::f32,
       {momentum, weight_decay},
       {"nesterov"},
       sgd_constants},
      {"adam_step",
       "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; w = w - lr * m / (1 - "
       "beta1^t) / (sqrt(v / (1 - beta2^t)) + eps), t = step + 1; decay in g, or decoupled: w = w "
       "- lr * weight_decay * w before",
       {"first moment", "second moment"},
       "step",
       DType::i32,
       {{"beta1", 0, 1}, {"beta2", 0, 1}, eps, weight_decay},
       {"decoupled"},
       adam_constants},
      {"rmsprop_step",
       "v = alpha * v + (1 - alpha) * g^2; u = momentum * u + g / (sqrt(v) + eps); w = w - lr * u, "
       "g = dw + weight_decay * w",
       {"square average", "momentum buffer"},
       nullptr,
       DType::f32,
       {{"alpha", 0, 1}, eps, weight_decay, momentum},
       {},
       rmsprop_constants},
      {"adagrad_step",
       "s = s + g^2; w = w - lr * g / (sqrt(s) + eps), g = dw + weight_decay * w",
       {"sum of squares"},
       nullptr,
       DType::f32,
       {eps, weight_decay},
       {},
       adagrad_constants},
      {"lars_step",
       "v = momentum * v + ratio * (dw + weight_decay * w); w = w - lr * v",
       {"momentum buffer"},
       "trust ratio",
       DType::f32,
       {momentum, weight_decay},
       {},
       lars_constants},
      {"blend",
       "w = (1 - lr) * w + lr * dw",
       {},
       nullptr,
       DType::f32,
       {},
       {},
       [](const Attributes&) -> std::vector<double> { return {0}; }},
      {"accumulate",
       "w = dw where lr is 0, w + dw where it is 1",
       {},
       nullptr,
       DType::f32,
       {},
       {},
       [](const Attributes&) -> std::vector<double> { return {0}; }},
  }};
  return table;
}

/// Of several tensors, each may have its own decay, in `weight_decays`.
void check_decays(const Attributes& attributes, std::size_t tensors) {
  if (!attributes.has("weight_decays")) return;
  const std::vector<double>& decays = attributes.numbers("weight_decays");
  ops::check(decays.size() == tensors, "there are {} weight_decays, expected {}", decays.size(),
             tensors);
  for (double decay : decays)
    ops::check(decay >= 0, "weight_decays has {}, expected at least 0", decay);
}

void check_numbers(const Row& row, const Attributes& attributes) {
  for (const Number& number : row.numbers) {
    const double value = attributes.number(number.name);
    ops::check(value >= number.least && value <= number.most, "{} is {}, expected {}", number.name,
               value,
               number.most == unbounded ? "at least 0"
                                        : fmt::format("{} to {}", number.least, number.most));
  }
  for (const char* flag : row.flags) {
    const std::int64_t value = attributes.integer(flag);
    ops::check(value == 0 || value == 1, "{} is {}, expected 0 or 1", flag, value);
  }
}

template <std::size_t index>
std::vector<TensorSpec> infer(const InferContext& context) {
  const Row& row = rows()[index];
  std::vector<const char*> lists = {"weight", "gradient"};
  lists.insert(lists.end(), row.states.begin(), row.states.end());
  const std::size_t single = row.extra ? 2 : 1, found = context.inputs.size();
  if (found < lists.size() + single || (found - single) % lists.size() != 0)
    ops::check_count(context, lists.size() + single, lists.size() + single);
  const std::size_t tensors = (found - single) / lists.size(), lr = tensors * lists.size();
  std::vector<TensorSpec> outputs;
  for (std::size_t i = 0; i < lr; ++i) {
    const char* const list = lists[i / tensors];
    ops::check_input(context, i, list, DType::f32, -1);
    ops::check_shape(context, i, list, context.inputs[i % tensors].shape);
    if (i / tensors != 1) outputs.push_back(context.inputs[i]);
  }
  ops::check_input(context, lr, "learning rate", DType::f32, 1);
  ops::check_shape(context, lr, "learning rate", {1});
  if (row.extra) {
    ops::check_input(context, lr + 1, row.extra, row.extra_dtype, 1);
    ops::check_shape(context, lr + 1, row.extra, {1});
  }
  check_numbers(row, context.attributes);
  check_decays(context.attributes, tensors);
  return outputs;
}

OpDoc document(const Row& row) {
  std::string inputs = "w, dw", outputs = "w";
  for (const char* state : row.states) {
    inputs += fmt::format(", {}", state);
    outputs += fmt::format(", {}", state);
  }
  std::string extra;
  if (row.extra) extra = fmt::format(", {} {} [1]", row.extra, to_string(row.extra_dtype));
  std::vector<std::string_view> attributes;
  for (const Number& number : row.numbers) {
    attributes.emplace_back(number.name);
    if (number.name == std::string_view("weight_decay"))
      attributes.emplace_back("weight_decays (one for each, instead)");
  }
  attributes.insert(attributes.end(), row.flags.begin(), row.flags.end());
  return {row.formula,
          fmt::format("{} f32 [...] (or n of each, one list after another), lr f32 [1]{} -> {} in "
                      "place",
                      inputs, extra, outputs),
          fmt::format("{}", fmt::join(attributes, ", "))};
}

template <std::size_t... index>
std::vector<Op> make_ops(std::index_sequence<index...>) {
  std::vector<Op> result = {Op{rows()[index].op, infer<index>}...};
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i].updates = {{0, 0}};
    result[i].updates_many = true;
    for (int state = 1; state <= static_cast<int>(rows()[i].states.size()); ++state)
      result[i].updates.push_back({state, state + 1});
    result[i].doc = document(rows()[i]);
  }
  return result;
}

}  // namespace

std::vector<float> optimizer_constants(std::string_view op, const Attributes& attributes,
                                       std::size_t tensor) {
  auto own = attributes.all();
  if (attributes.has("weight_decays"))
    own["weight_decay"] = attributes.numbers("weight_decays").at(tensor);
  std::vector<float> result;
  for (const Row& row : rows())
    if (row.op == op)
      for (double value : row.constants(Attributes(own)))
        result.push_back(static_cast<float>(value));
  return result;
}

Var sgd_step(Var w, Var dw, Var v, Var lr, const SgdOptions& options, std::string name) {
  return w.graph().add("sgd_step", {w, dw, v, lr},
                       {{"momentum", options.momentum},
                        {"weight_decay", options.weight_decay},
                        {"nesterov", std::int64_t{options.nesterov}}},
                       std::move(name))[0];
}

Var adam_step(Var w, Var dw, Var m, Var v, Var lr, Var step, const AdamOptions& options,
              std::string name) {
  return w.graph().add("adam_step", {w, dw, m, v, lr, step},
                       {{"beta1", options.beta1},
                        {"beta2", options.beta2},
                        {"eps", options.eps},
                        {"weight_decay", options.weight_decay},
                        {"decoupled", std::int64_t{options.decoupled}}},
                       std::move(name))[0];
}

Var rmsprop_step(Var w, Var dw, Var v, Var u, Var lr, const RmspropOptions& options,
                 std::string name) {
  return w.graph().add("rmsprop_step", {w, dw, v, u, lr},
                       {{"alpha", options.alpha},
                        {"eps", options.eps},
                        {"weight_decay", options.weight_decay},
                        {"momentum", options.momentum}},
                       std::move(name))[0];
}

Var adagrad_step(Var w, Var dw, Var s, Var lr, const AdagradOptions& options, std::string name) {
  return w.graph().add("adagrad_step", {w, dw, s, lr},
                       {{"eps", options.eps}, {"weight_decay", options.weight_decay}},
                       std::move(name))[0];
}

Var lars_step(Var w, Var dw, Var v, Var lr, const LarsOptions& options, const std::string& name) {
  const auto part = [&](const char* suffix) { return name.empty() ? name : name + suffix; };
  const Var trust = w.graph().add(
      "trust_ratio", {global_norm({w}, part(".w_norm")), global_norm({dw}, part(".dw_norm"))},
      {{"coefficient", options.coefficient}, {"weight_decay", options.weight_decay}},
      part(".trust"))[0];
  return w.graph().add("lars_step", {w, dw, v, lr, trust},
                       {{"momentum", options.momentum}, {"weight_decay", options.weight_decay}},
                       name)[0];
}

Var blend(Var y, Var x, Var weight, std::string name) {
  return y.graph().add("blend", {y, x, weight}, {}, std::move(name))[0];
}

Var accumulate(Var sum, Var x, Var adds, std::string name) {
  return sum.graph().add("accumulate", {sum, x, adds}, {}, std::move(name))[0];
}

std::vector<Op> ops::optimizer_step_ops() {
  return make_ops(std::make_index_sequence<std::tuple_size_v<std::array<Row, 7>>>());
}

}  // namespace tessera
