// Batch, layer, group and instance norm, and their gradient.
#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

/// x is [N,L,G,D]; mean and variance are those of all L and D.
struct Groups {
  std::int64_t N, L, G, D;
  Shape x() const { return {N, L, G * D}; }
  std::int64_t statistic(std::int64_t i) const { return i / (L * G * D) * G + i % (G * D) / D; }
  std::int64_t channel(std::int64_t i) const { return i % (G * D); }
  double count() const { return static_cast<double>(L * D); }
};

constexpr double eps = 1e-5;

struct Statistics {
  std::vector<double> mean, var;
};

Statistics statistics(const HostTensor& x, const Groups& g) {
  Statistics s;
  s.mean.resize(static_cast<std::size_t>(g.N * g.G));
  s.var.resize(s.mean.size());
  for (std::int64_t i = 0; i < x.size(); ++i)
    s.mean[static_cast<std::size_t>(g.statistic(i))] += x[i] / g.count();
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const auto at = static_cast<std::size_t>(g.statistic(i));
    s.var[at] += (x[i] - s.mean[at]) * (x[i] - s.mean[at]) / g.count();
  }
  return s;
}

/// y, mean and rstd; weight and bias are the inputs `weight` and the next.
Tensors normalized(const Tensors& inputs, const Groups& g, const Statistics& s,
                   std::size_t weight) {
  const HostTensor& x = inputs[0];
  HostTensor y(x.spec), mean({DType::f32, {g.N, g.G}}), rstd(mean.spec);
  for (std::int64_t i = 0; i < mean.size(); ++i) {
    mean[i] = s.mean[static_cast<std::size_t>(i)];
    rstd[i] = 1 / std::sqrt(s.var[static_cast<std::size_t>(i)] + eps);
  }
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y[i] = (x[i] - mean[g.statistic(i)]) * rstd[g.statistic(i)];
    if (inputs.size() > weight)
      y[i] = y[i] * inputs[weight][g.channel(i)] + inputs[weight + 1][g.channel(i)];
  }
  return {y, mean, rstd};
}

Tensors batch_norm(const Tensors& inputs, const Groups& g, double momentum) {
  const Statistics s = statistics(inputs[0], g);
  Tensors outputs = normalized(inputs, g, s, 3);
  outputs.insert(outputs.end(), {inputs[1], inputs[2]});
  for (std::int64_t c = 0; c < g.G; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const double unbiased = s.var[at] * g.count() / std::max(1.0, g.count() - 1);
    outputs[3][c] = (1 - momentum) * outputs[3][c] + momentum * s.mean[at];
    outputs[4][c] = (1 - momentum) * outputs[4][c] + momentum * unbiased;
  }
  return outputs;
}

Tensors inference(const Tensors& inputs, const Groups& g) {
  const Tensors all = normalized(inputs, g, {inputs[1].values, inputs[2].values}, 3);
  return {all[0], all[2]};
}

/// dx, dw and db; the inputs are x, dy, mean, rstd and perhaps w.
Tensors gradient(const Tensors& inputs, const Groups& g, bool constant) {
  const HostTensor &x = inputs[0], &dy = inputs[1], &mean = inputs[2], &rstd = inputs[3];
  HostTensor dx(x.spec), dw({DType::f32, {g.G * g.D}}), db(dw.spec);
  std::vector<double> sum(static_cast<std::size_t>(mean.size())), product(sum.size());
  const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(g.statistic(i)); };
  const auto xhat = [&](std::int64_t i) {
    return (x[i] - mean[g.statistic(i)]) * rstd[g.statistic(i)];
  };
  const auto weighted = [&](std::int64_t i) {
    return inputs.size() > 4 ? dy[i] * inputs[4][g.channel(i)] : dy[i];
  };
  for (std::int64_t i = 0; i < x.size(); ++i) {
    sum[at(i)] += weighted(i) / g.count();
    product[at(i)] += weighted(i) * xhat(i) / g.count();
    dw[g.channel(i)] += dy[i] * xhat(i);
    db[g.channel(i)] += dy[i];
  }
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double through = constant ? 0 : sum[at(i)] + xhat(i) * product[at(i)];
    dx[i] = rstd[g.statistic(i)] * (weighted(i) - through);
  }
  return {dx, dw, db};
}

void add_affine(Case& c, const Groups& g) {
  c.inputs.emplace_back("w", TensorSpec{DType::f32, {g.G * g.D}}, uniform(0.5, 2));
  c.inputs.emplace_back("b", TensorSpec{DType::f32, {g.G * g.D}});
}

Case finish(Case c, const Groups& g) {
  c.flops = 10 * static_cast<double>(g.N * g.L * g.G * g.D);
  c.tolerance = {1e-5, 1e-5};
  // The differences themselves: eps is small against their step where a group has few elements.
  c.gradient_tolerance = for_sum_of(g.N * g.L * g.D);
  c.gradient_tolerance.absolute += 2e-5;
  c.gradient_tolerance.relative = 5e-5;
  return c;
}

Case batch_case(std::string name, const Shape& x, bool affine = true, double momentum = 0.1,
                Fill fill = uniform(-1, 1)) {
  const Groups g{1, element_count(x) / x.back(), x.back(), 1};
  const TensorSpec channels{DType::f32, {g.G}};
  Case c{"batch_norm",
         std::move(name),
         {{"x", {DType::f32, x}, std::move(fill)},
          {"running_mean", channels, uniform(-1, 1), Role::state},
          {"running_var", channels, uniform(0.5, 2), Role::state}},
         {{"eps", eps}, {"momentum", momentum}},
         [=](const Tensors& inputs, std::int64_t) { return batch_norm(inputs, g, momentum); }};
  if (affine) add_affine(c, g);
  return finish(c, g);
}

Case inference_case(std::string name, const Shape& x, bool affine = true) {
  const Groups g{1, element_count(x) / x.back(), x.back(), 1};
  const TensorSpec channels{DType::f32, {g.G}};
  Case c{"batch_norm_inference",
         std::move(name),
         {{"x", {DType::f32, x}},
          {"running_mean", channels, uniform(-1, 1), Role::state},
          {"running_var", channels, uniform(0.5, 2), Role::state}},
         {{"eps", eps}},
         [=](const Tensors& inputs, std::int64_t) { return inference(inputs, g); }};
  if (affine) add_affine(c, g);
  return finish(c, g);
}

Case normalize_case(std::string name, const Groups& g, bool affine = true,
                    Fill fill = uniform(-1, 1)) {
  Case c{"normalize",
         std::move(name),
         {{"x", {DType::f32, g.x()}, std::move(fill)}},
         {{"samples", g.N}, {"groups", g.G}, {"channels", g.G * g.D}, {"eps", eps}},
         [=](const Tensors& inputs, std::int64_t) {
           return normalized(inputs, g, statistics(inputs[0], g), 1);
         }};
  if (affine) add_affine(c, g);
  return finish(c, g);
}

Case dx_case(std::string name, const Groups& g, bool affine, bool constant) {
  const TensorSpec x{DType::f32, g.x()}, of_groups{DType::f32, {g.N, g.G}};
  Case c{"normalize_dx",
         std::move(name),
         {{"x", x}, {"dy", x}, {"mean", of_groups}, {"rstd", of_groups, uniform(0.5, 2)}},
         {{"samples", g.N},
          {"groups", g.G},
          {"channels", g.G * g.D},
          {"constant_statistics", std::int64_t{constant}}},
         [=](const Tensors& inputs, std::int64_t) { return gradient(inputs, g, constant); }};
  if (affine) c.inputs.emplace_back("w", TensorSpec{DType::f32, {g.G * g.D}}, uniform(0.5, 2));
  c = finish(c, g);
  c.tolerance = for_sum_of(10 * g.N * g.L * g.D);
  return c;
}

/// Where finite differences step over the kink of some of the elements.
Case without_gradient(Case c) {
  c.smooth = false;
  return c;
}

/// The gradient under a relu or relu6, which goes nowhere where y is cut off.
Case dx_fused(std::string name, std::int64_t rows, std::int64_t channels, bool affine,
              double most) {
  const Groups g{1, rows, channels, 1};
  Case c = dx_case(std::move(name), g, affine, false);
  if (affine) c.inputs.emplace_back("b", c.inputs.back().spec, uniform(-1, 1));
  auto attributes = c.attributes.all();
  attributes["activation"] = std::string(most == 6 ? "relu6" : "relu");
  c.attributes = Attributes(std::move(attributes));
  c.reference = [=](Tensors inputs, std::int64_t) {
    for (std::int64_t i = 0; i < inputs[0].size(); ++i) {
      double y = (inputs[0][i] - inputs[2][g.statistic(i)]) * inputs[3][g.statistic(i)];
      if (affine) y = y * inputs[4][g.channel(i)] + inputs[5][g.channel(i)];
      if (y <= 0 || y >= most) inputs[1][i] = 0;
    }
    if (affine) inputs.pop_back();
    return gradient(inputs, g, false);
  };
  return c;
}

/// Small deviations from a large mean, which a variance as mean of squares would lose.
Case large_mean(Case c) {
  c.smooth = false;
  // Floats around 1000 are 6e-5 apart, and rstd is about 20.
  c.tolerance = {5e-3, 2e-4};
  return c;
}

Case for_bench(Case c) {
  c.bench_only = true;
  return c;
}

}  // namespace

std::vector<Case> normalization_cases() {
  const Fill around_1000 = uniform(999.9, 1000.1);
  return {
      batch_case("17 values of one channel", {17, 1}),
      batch_case("5 channels", {3, 4, 5, 5}),
      batch_case("16 channels", {2, 5, 7, 16}),
      batch_case("33 channels, momentum 0.3", {2, 3, 5, 33}, true, 0.3),
      batch_case("no affine", {2, 3, 3, 19}, false),
      batch_case("momentum 1", {9, 4}, true, 1),
      batch_case("many rows", {7, 31, 33, 3}),
      large_mean(batch_case("large mean", {4, 16, 16, 18}, true, 0.1, around_1000)),
      inference_case("5 channels", {3, 4, 5, 5}),
      inference_case("33 channels", {2, 3, 5, 33}),
      inference_case("no affine", {2, 3, 3, 19}, false),
      with_epilogue(batch_case("5 channels, relu", {3, 4, 5, 5}), false, HUGE_VAL),
      with_epilogue(batch_case("33 channels, relu6", {2, 5, 7, 33}, true, 0.3, uniform(-1, 9)),
                    false, 6),
      with_epilogue(batch_case("no affine, relu6", {2, 3, 3, 19}, false), false, 6),
      with_epilogue(batch_case("16 channels, residual and relu", {2, 5, 7, 16}), true, HUGE_VAL),
      with_epilogue(batch_case("no affine, residual and relu6", {9, 21}, false), true, 6),
      without_gradient(
          with_epilogue(batch_case("many rows, relu", {7, 31, 33, 3}), false, HUGE_VAL)),
      with_epilogue(inference_case("19 channels, relu6", {3, 3, 5, 19}), false, 6),
      with_epilogue(inference_case("no affine, residual and relu", {2, 3, 3, 9}, false), true,
                    HUGE_VAL),
      normalize_case("layer norm of 7", {5, 1, 1, 7}),
      normalize_case("layer norm of 192", {9, 1, 1, 192}),
      normalize_case("layer norm of 33, no affine", {70, 1, 1, 33}, false),
      normalize_case("group norm of vectors", {5, 1, 3, 6}),
      normalize_case("group norm", {3, 35, 3, 4}),
      normalize_case("group norm, one group", {2, 21, 1, 17}),
      normalize_case("group norm, no affine", {2, 130, 2, 9}, false),
      normalize_case("instance norm", {3, 70, 18, 1}),
      large_mean(normalize_case("layer norm, large mean", {3, 1, 1, 100}, true, around_1000)),
      large_mean(normalize_case("group norm, large mean", {2, 90, 2, 5}, true, around_1000)),
      dx_case("dx, batch norm", {1, 70, 19, 1}, true, false),
      dx_case("dx, constant statistics", {1, 70, 19, 1}, true, true),
      dx_case("dx, layer norm", {70, 1, 1, 19}, true, false),
      dx_case("dx, layer norm, constant statistics", {7, 1, 1, 21}, false, true),
      dx_case("dx, group norm, no affine", {2, 9, 3, 5}, false, false),
      dx_fused("dx, relu", 70, 19, true, HUGE_VAL),
      dx_fused("dx, relu6, no affine", 513, 16, false, 6),
      dx_fused("dx, relu6", 65, 35, true, 6),
      for_bench(batch_case("N64 H32 C64", {64, 32, 32, 64})),
      for_bench(inference_case("N64 H32 C64", {64, 32, 32, 64})),
      for_bench(dx_case("N64 H32 C64", {1, 65536, 64, 1}, true, false)),
      for_bench(batch_case("N128 H32 C16", {128, 32, 32, 16})),
      for_bench(dx_case("N128 H32 C16", {1, 131072, 16, 1}, true, false)),
      for_bench(
          with_epilogue(batch_case("N128 H32 C16, relu", {128, 32, 32, 16}), false, HUGE_VAL)),
      for_bench(dx_fused("N128 H32 C16, relu", 131072, 16, true, HUGE_VAL)),
      for_bench(batch_case("N64 H4 C512", {64, 4, 4, 512})),
      for_bench(normalize_case("ViT-Tiny, N64", {4160, 1, 1, 192})),
      for_bench(dx_case("ViT-Tiny, N64", {4160, 1, 1, 192}, true, false)),
      for_bench(normalize_case("group norm N64 H16 C64, 8 groups", {64, 256, 8, 8})),
  };
}

}  // namespace tessera::cases
