// Steps of optimizers, in place.
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

/// What a formula sees of one element; it changes w and the states.
struct Element {
  double w, dw, a, b, lr, extra;
};
using Formula = std::function<void(Element&)>;

struct Description {
  std::string op;
  std::string name;
  Attributes attributes;
  int states;
  Formula formula;
};

double square(double x) { return x * x; }

Tensors apply(const Tensors& inputs, int states, const Formula& formula) {
  Tensors results = {inputs[0]};
  for (int i = 0; i < states; ++i) results.push_back(inputs[static_cast<std::size_t>(2 + i)]);
  const auto lr = static_cast<std::size_t>(2 + states);
  for (std::int64_t i = 0; i < inputs[0].size(); ++i) {
    Element e{inputs[0][i],
              inputs[1][i],
              states > 0 ? inputs[2][i] : 0,
              states > 1 ? inputs[3][i] : 0,
              inputs[lr][0],
              inputs.size() > lr + 1 ? inputs[lr + 1][0] : 0};
    if (!std::isnan(e.lr)) formula(e);
    results[0][i] = e.w;
    if (states > 0) results[1][i] = e.a;
    if (states > 1) results[2][i] = e.b;
  }
  return results;
}

/// States of squares must not be below 0, so all states are at least 0 but for `momentum` ones.
Case make_case(const Description& d, const Shape& shape, double lr, std::optional<Input> extra = {},
               bool bench_only = false) {
  const TensorSpec spec{DType::f32, shape};
  Case c{d.op, d.name, {}, d.attributes, [d](const Tensors& inputs, std::int64_t) {
           return apply(inputs, d.states, d.formula);
         }};
  c.inputs = {{"w", spec, uniform(-1, 1), Role::parameter}, {"dw", spec, away_from_zero()}};
  for (int i = 0; i < d.states; ++i) {
    const bool signed_state = d.op == "sgd_step" || d.op == "lars_step" ||
                              (d.op == "adam_step" && i == 0) || (d.op == "rmsprop_step" && i == 1);
    c.inputs.emplace_back("state " + std::to_string(i), spec,
                          signed_state ? uniform(-1, 1) : uniform(0, 1), Role::state);
  }
  c.inputs.emplace_back("lr", TensorSpec{DType::f32, {1}}, repeated({lr}));
  if (extra) c.inputs.push_back(*extra);
  c.flops = 10 * static_cast<double>(spec.elements());
  c.bench_only = bench_only;
  return c;
}

Description sgd(std::string name, double momentum, double decay = 0, bool nesterov = false) {
  return {"sgd_step",
          std::move(name),
          {{"momentum", momentum}, {"weight_decay", decay}, {"nesterov", std::int64_t{nesterov}}},
          1,
          [=](Element& e) {
            const double g = e.dw + decay * e.w;
            e.a = momentum * e.a + g;
            e.w -= e.lr * (nesterov ? g + momentum * e.a : e.a);
          }};
}

Description adam(std::string name, double beta1, double beta2, double eps, double decay,
                 bool decoupled) {
  return {"adam_step",
          std::move(name),
          {{"beta1", beta1},
           {"beta2", beta2},
           {"eps", eps},
           {"weight_decay", decay},
           {"decoupled", std::int64_t{decoupled}}},
          2,
          [=](Element& e) {
            const double t = e.extra + 1;
            const double g = decoupled ? e.dw : e.dw + decay * e.w;
            if (decoupled) e.w -= e.lr * decay * e.w;
            e.a = beta1 * e.a + (1 - beta1) * g;
            e.b = beta2 * e.b + (1 - beta2) * g * g;
            const double m = e.a / (1 - std::pow(beta1, t)), v = e.b / (1 - std::pow(beta2, t));
            e.w -= e.lr * m / (std::sqrt(v) + eps);
          }};
}

Description rmsprop(std::string name, double alpha, double eps, double decay, double momentum) {
  return {"rmsprop_step",
          std::move(name),
          {{"alpha", alpha}, {"eps", eps}, {"weight_decay", decay}, {"momentum", momentum}},
          2,
          [=](Element& e) {
            const double g = e.dw + decay * e.w;
            e.a = alpha * e.a + (1 - alpha) * square(g);
            e.b = momentum * e.b + g / (std::sqrt(e.a) + eps);
            e.w -= e.lr * e.b;
          }};
}

Description adagrad(std::string name, double eps, double decay) {
  return {
      "adagrad_step", std::move(name), {{"eps", eps}, {"weight_decay", decay}}, 1, [=](Element& e) {
        const double g = e.dw + decay * e.w;
        e.a += square(g);
        e.w -= e.lr * g / (std::sqrt(e.a) + eps);
      }};
}

Description lars(std::string name, double momentum, double decay) {
  return {"lars_step",
          std::move(name),
          {{"momentum", momentum}, {"weight_decay", decay}},
          1,
          [=](Element& e) {
            e.a = momentum * e.a + e.extra * (e.dw + decay * e.w);
            e.w -= e.lr * e.a;
          }};
}

Description blend(std::string name) {
  return {"blend", std::move(name), {}, 0, [](Element& e) {
            e.w = e.lr == 1 ? e.dw : (1 - e.lr) * e.w + e.lr * e.dw;
          }};
}

Description accumulate(std::string name) {
  return {"accumulate", std::move(name), {}, 0, [](Element& e) {
            e.w = e.lr == 0 ? e.dw : e.w + e.dw;
          }};
}

/// Several tensors at once, each with its decay; `d` makes the description for a decay.
Case make_joint(const std::function<Description(double)>& d, const std::vector<Shape>& shapes,
                std::optional<Input> extra = {}) {
  const std::size_t tensors = shapes.size(), lists = 2 + static_cast<std::size_t>(d(0).states);
  std::vector<double> decays;
  for (std::size_t t = 0; t < tensors; ++t) decays.push_back(0.1 * static_cast<double>(t));
  const auto single = [=](std::size_t t) { return make_case(d(decays[t]), shapes[t], 0.1, extra); };
  Case c = single(0);
  c.inputs.clear();
  for (std::size_t list = 0; list < lists; ++list)
    for (std::size_t t = 0; t < tensors; ++t) {
      c.inputs.push_back(single(t).inputs[list]);
      c.inputs.back().name += " of " + std::to_string(t);
    }
  const auto shared = single(0).inputs;
  c.inputs.insert(c.inputs.end(), shared.begin() + static_cast<std::ptrdiff_t>(lists),
                  shared.end());
  if (d(0).attributes.has("weight_decay")) {
    auto attributes = d(0).attributes.all();
    attributes["weight_decays"] = decays;
    c.attributes = Attributes(std::move(attributes));
  }
  c.reference = [=](const Tensors& inputs, std::int64_t every) {
    Tensors results((lists - 1) * tensors);
    for (std::size_t t = 0; t < tensors; ++t) {
      Tensors own;
      for (std::size_t list = 0; list < lists; ++list) own.push_back(inputs[list * tensors + t]);
      own.insert(own.end(), inputs.begin() + static_cast<std::ptrdiff_t>(lists * tensors),
                 inputs.end());
      const Tensors found = single(t).reference(own, every);
      for (std::size_t i = 0; i < found.size(); ++i) results[i * tensors + t] = found[i];
    }
    return results;
  };
  return c;
}

Case with_weight(Case c, double w) {
  c.inputs[0].fill = repeated({w});
  return c;
}

Input step(int done) { return {"step", {DType::i32, {1}}, whole_numbers(done, done), Role::state}; }

Input trust(double ratio) { return {"trust", {DType::f32, {1}}, repeated({ratio})}; }

}  // namespace

std::vector<Case> optimizer_step_cases() {
  return {
      make_case(sgd("one weight", 0.9), {1}, 0.1),
      make_case(sgd("no momentum", 0), {17}, 0.1),
      make_case(sgd("momentum 0.9", 0.9), {7, 5, 5, 3}, 0.001),
      make_case(sgd("momentum 1", 1), {1031}, 0.5),
      make_case(sgd("learning rate 0", 0.9), {13}, 0),
      make_case(sgd("weight decay", 0.9, 0.3), {5, 7}, 0.1),
      make_case(sgd("Nesterov and weight decay", 0.8, 0.2, true), {131}, 0.1),
      make_case(sgd("9.2 million weights", 0.9), {9200000}, 0.001, {}, true),
      make_case(adam("the first step", 0.9, 0.999, 1e-8, 0, false), {19}, 0.1, step(0)),
      make_case(adam("step 1000 with weight decay", 0.8, 0.99, 1e-3, 0.2, false), {3, 43}, 0.1,
                step(1000)),
      make_case(adam("AdamW", 0.9, 0.999, 1e-8, 0.2, true), {1031}, 0.1, step(7)),
      make_case(adam("no averages", 0, 0, 1e-2, 0, false), {13}, 0.1, step(3)),
      make_case(adam("9.2 million weights", 0.9, 0.999, 1e-8, 0, false), {9200000}, 0.001, step(3),
                true),
      make_case(rmsprop("RMSprop", 0.99, 1e-8, 0, 0), {37}, 0.1),
      make_case(rmsprop("all attributes", 0.9, 1e-2, 0.1, 0.7), {1031}, 0.1),
      make_case(adagrad("Adagrad", 1e-10, 0), {37}, 0.1),
      make_case(adagrad("weight decay", 1e-2, 0.1), {1031}, 0.1),
      make_case(lars("trust 0.3", 0.9, 0.1), {1031}, 0.1, trust(0.3)),
      make_case(blend("a third"), {1031}, 1.0 / 3),
      make_case(blend("all"), {5}, 1),
      with_weight(make_case(blend("all, of NaN"), {37}, 1), NAN),
      make_case(accumulate("added"), {1031}, 1),
      make_case(accumulate("stored"), {37}, 0),
      with_weight(make_case(accumulate("stored over NaN"), {37}, 0), NAN),
      make_case(accumulate("left as it is"), {1031}, NAN),
      make_case(sgd("a rate that is not a number", 0.9), {1031}, NAN),
      make_case(adam("a rate that is not a number", 0.9, 0.999, 1e-8, 0.1, true), {37}, NAN,
                step(3)),
      make_joint([](double decay) { return sgd("three weights", 0.9, decay); },
                 {{7, 5, 3}, {1}, {1031}}),
      make_joint([](double decay) { return adam("four weights", 0.9, 0.99, 1e-3, decay, true); },
                 {{3}, {2053}, {16}, {5, 7}}, step(3)),
      make_joint([](double) { return blend("two averages"); }, {{19}, {33}}),
      make_joint([](double) { return accumulate("two sums"); }, {{19}, {33}}),
  };
}

}  // namespace tessera::cases
