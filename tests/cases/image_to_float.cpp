// Bytes to numbers.
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

using Numbers = std::vector<double>;

Tensors image_to_float(const HostTensor& x, std::int64_t padding, const Numbers& mean,
                       const Numbers& deviation) {
  const std::int64_t N = x.spec.dim(0), H = x.spec.dim(1), W = x.spec.dim(2), C = x.spec.dim(3);
  HostTensor y({DType::f32, {N, H + 2 * padding, W + 2 * padding, C}});
  std::int64_t i = 0;
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t row = -padding; row < H + padding; ++row)
      for (std::int64_t column = -padding; column < W + padding; ++column)
        for (std::int64_t c = 0; c < C; ++c) {
          const bool inside = row >= 0 && row < H && column >= 0 && column < W;
          const double byte = inside ? x[((n * H + row) * W + column) * C + c] : 0;
          const auto channel = static_cast<std::size_t>(c);
          y[i++] = (byte / 255 - mean[channel]) / deviation[channel];
        }
  return {y};
}

Case image_case(std::string name, const Shape& shape, std::int64_t padding = 0, Numbers mean = {},
                Numbers deviation = {}, bool bench_only = false) {
  const auto channels = static_cast<std::size_t>(shape[3]);
  if (mean.empty()) mean.assign(channels, 0);
  if (deviation.empty()) deviation.assign(channels, 1);
  Case c{"image_to_float",
         std::move(name),
         {{"x", {DType::u8, shape}, whole_numbers(0, 255)}},
         {{"padding", padding}, {"mean", mean}, {"deviation", deviation}},
         [=](const Tensors& inputs, std::int64_t) {
           return image_to_float(inputs[0], padding, mean, deviation);
         }};
  c.flops = 2 * static_cast<double>(element_count(shape));
  c.bench_only = bench_only;
  return c;
}

}  // namespace

std::vector<Case> image_to_float_cases() {
  const Numbers mean = {0.4914, 0.4822, 0.4465}, deviation = {0.2470, 0.2435, 0.2616};
  return {
      image_case("one pixel", {1, 1, 1, 1}),
      image_case("plain", {3, 7, 5, 3}),
      image_case("padding 2", {2, 5, 7, 1}, 2),
      image_case("normalized", {2, 7, 5, 3}, 0, mean, deviation),
      image_case("normalized, padding 1", {2, 7, 5, 3}, 1, mean, deviation),
      image_case("two channels, padding 3", {1, 1, 13, 2}, 3, {0.5, 0.25}, {2, 0.125}),
      image_case("CIFAR-10, batch 256", {256, 32, 32, 3}, 0, mean, deviation, true),
      image_case("MNIST, batch 256, padding 2", {256, 28, 28, 1}, 2, {}, {}, true),
  };
}

}  // namespace tessera::cases
