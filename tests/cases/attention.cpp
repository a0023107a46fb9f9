// Scaled dot-product attention.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/ops.h"
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

struct Sizes {
  std::int64_t batch, L, S, E, F;
};

/// With the mask [L,S] in inputs[3], if there is one.
HostTensor attend(const Tensors& inputs, const Sizes& s, double scale, bool causal) {
  const HostTensor &q = inputs[0], &k = inputs[1], &v = inputs[2];
  HostTensor y({DType::f32, {s.batch, s.L, s.F}});
  std::vector<double> p(static_cast<std::size_t>(s.S));
  for (std::int64_t row = 0; row < s.batch * s.L; ++row) {
    const std::int64_t n = row / s.L, l = row % s.L;
    double total = 0;
    for (std::int64_t j = 0; j < s.S; ++j) {
      double score = 0;
      for (std::int64_t e = 0; e < s.E; ++e)
        score += q[row * s.E + e] * k[(n * s.S + j) * s.E + e] * scale;
      if (inputs.size() > 3) score += inputs[3][l * s.S + j];
      if (causal && j > l) score = -std::numeric_limits<double>::infinity();
      total += p[static_cast<std::size_t>(j)] = std::exp(score);
    }
    for (std::int64_t j = 0; j < s.S; ++j)
      for (std::int64_t f = 0; f < s.F; ++f)
        y[row * s.F + f] += p[static_cast<std::size_t>(j)] / total * v[(n * s.S + j) * s.F + f];
  }
  return y;
}

Case attention_case(const Sizes& s, bool masked, bool causal, std::optional<double> scale = {}) {
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(s.E)));
  Case c{"scaled_dot_product_attention",
         fmt::format("{}x{}x{}x{}x{}{}{}{}", s.batch, s.L, s.S, s.E, s.F, masked ? ", mask" : "",
                     causal ? ", causal" : "", scale ? ", scale" : ""),
         {{"q", {DType::f32, {s.batch, s.L, s.E}}},
          {"k", {DType::f32, {s.batch, s.S, s.E}}},
          {"v", {DType::f32, {s.batch, s.S, s.F}}}},
         {},
         [=](const Tensors& inputs, std::int64_t) {
           return Tensors{attend(inputs, s, factor, causal)};
         }};
  if (masked) c.inputs.push_back({"mask", {DType::f32, {s.L, s.S}}});
  c.build = [=](const std::vector<Var>& x) -> std::vector<Var> {
    AttentionOptions options{.is_causal = causal, .scale = scale};
    if (masked) options.mask = x[3];
    return {scaled_dot_product_attention(x[0], x[1], x[2], options)};
  };
  c.flops = 2.0 * static_cast<double>(s.batch * s.L * s.S * (s.E + s.F));
  c.tolerance = for_sum_of(s.S + s.E);
  c.gradient_tolerance = for_sum_of(s.batch * (s.S + s.L + s.E));
  return c;
}

}  // namespace

std::vector<Case> attention_cases() {
  std::vector<Case> cases = {
      attention_case({1, 1, 1, 1, 1}, false, false),
      attention_case({3, 5, 7, 11, 4}, false, false),
      attention_case({2, 5, 5, 3, 6}, false, true),
      attention_case({2, 3, 7, 5, 4}, false, true),
      attention_case({2, 7, 3, 5, 4}, false, true, 0.5),
      attention_case({2, 4, 9, 5, 3}, true, false, 1.5),
      attention_case({64 * 3, 65, 65, 64, 64}, false, false),
  };
  cases.back().bench_only = true;
  return cases;
}

}  // namespace tessera::cases
