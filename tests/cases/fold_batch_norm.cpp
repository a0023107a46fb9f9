// Filters and biases that do the work of a batch norm.
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

Case fold_case(std::string name, const Shape& w, bool affine, bool bias) {
  const TensorSpec channels{DType::f32, {w[0]}};
  Case c{"fold_batch_norm",
         std::move(name),
         {{"w", {DType::f32, w}}, {"mean", channels}, {"var", channels, uniform(0.1, 2)}},
         {{"eps", 1e-3}},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor folded({DType::f32, w}), b(channels);
           for (std::int64_t k = 0; k < w[0]; ++k) {
             const double scale = (affine ? inputs[3][k] : 1) / std::sqrt(inputs[2][k] + 1e-3);
             const std::int64_t length = folded.size() / w[0];
             for (std::int64_t i = k * length; i < (k + 1) * length; ++i)
               folded[i] = inputs[0][i] * scale;
             b[k] = (affine ? inputs[4][k] : 0) +
                    ((bias ? inputs.back()[k] : 0) - inputs[1][k]) * scale;
           }
           return Tensors{folded, b};
         }};
  if (affine) {
    c.inputs.emplace_back("gamma", channels);
    c.inputs.emplace_back("beta", channels);
  }
  if (bias) c.inputs.emplace_back("b", channels);
  c.smooth = false;
  return c;
}

}  // namespace

std::vector<Case> fold_batch_norm_cases() {
  return {
      fold_case("one filter", {1, 1, 1, 1}, true, true),
      fold_case("K=35 3x3x7", {35, 3, 3, 7}, true, false),
      fold_case("no affine", {6, 5, 5, 3}, false, false),
      fold_case("no affine, bias", {17, 19}, false, true),
      fold_case("filters without weights", {5, 0}, true, true),
      fold_case("many filters", {263, 131}, true, true),
  };
}

}  // namespace tessera::cases
