// Images seen through a transform, worked out in another way: as a sum over all pixels, each of
// which weighs as much as a hat function of its distance says.
#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

struct Transform {
  Shape x;
  std::vector<double> transforms;
  std::int64_t rows, columns;
  std::int64_t padding = 0;
  bool replicate = false;
};

double hat(double distance) { return std::max(0.0, 1 - std::abs(distance)); }

std::vector<double> channels(std::int64_t C, double first, double step) {
  std::vector<double> numbers;
  for (std::int64_t c = 0; c < C; ++c) numbers.push_back(first + step * static_cast<double>(c));
  return numbers;
}

HostTensor transform_image(const Transform& of, const HostTensor& x, const HostTensor& t,
                           const std::vector<double>& mean, const std::vector<double>& deviation) {
  const std::int64_t N = of.x[0], H = of.x[1], W = of.x[2], C = of.x[3];
  HostTensor y({DType::f32, {N, of.rows + 2 * of.padding, of.columns + 2 * of.padding, C}});
  std::int64_t i = 0;
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t p = -of.padding; p < of.rows + of.padding; ++p)
      for (std::int64_t q = -of.padding; q < of.columns + of.padding; ++q) {
        const auto row = static_cast<double>(p), column = static_cast<double>(q);
        double w_at = t[6 * n] * column + t[6 * n + 1] * row + t[6 * n + 2];
        double h_at = t[6 * n + 3] * column + t[6 * n + 4] * row + t[6 * n + 5];
        if (of.replicate) {
          w_at = std::min(std::max(w_at, 0.0), static_cast<double>(W - 1));
          h_at = std::min(std::max(h_at, 0.0), static_cast<double>(H - 1));
        }
        for (std::int64_t c = 0; c < C; ++c) {
          double byte = 0;
          for (std::int64_t h = 0; h < H; ++h)
            for (std::int64_t w = 0; w < W; ++w)
              byte += hat(h_at - static_cast<double>(h)) * hat(w_at - static_cast<double>(w)) *
                      x[((n * H + h) * W + w) * C + c];
          const auto channel = static_cast<std::size_t>(c);
          y[i++] = (byte / 255 - mean[channel]) / deviation[channel];
        }
      }
  return y;
}

Case transform_case(std::string name, const Transform& of) {
  const std::int64_t C = of.x[3];
  const std::vector<double> mean = channels(C, 0.25, 0.125), deviation = channels(C, 0.5, 0.25);
  Case c{"transform_image",
         std::move(name),
         {{"x", {DType::u8, of.x}, whole_numbers(0, 255)},
          {"transforms", {DType::f32, {of.x[0], 6}}, repeated(of.transforms)}},
         {{"size", std::vector<std::int64_t>{of.rows, of.columns}},
          {"padding", of.padding},
          {"replicate", std::int64_t{of.replicate}},
          {"mean", mean},
          {"deviation", deviation}},
         [=](const Tensors& inputs, std::int64_t) -> Tensors {
           return {transform_image(of, inputs[0], inputs[1], mean, deviation)};
         }};
  c.tolerance = {2e-5, 1e-5};  // coordinates of some tens, rounded, between bytes far apart
  return c;
}

Case mask_case(std::string name, std::vector<double> boxes, std::int64_t N, std::int64_t rows,
               std::int64_t columns) {
  const auto inside = [](double least, std::int64_t at, double most) {
    return least <= static_cast<double>(at) && static_cast<double>(at) < most;
  };
  return {"box_mask",
          std::move(name),
          {{"boxes", {DType::f32, {N, 4}}, repeated(std::move(boxes))}},
          {{"size", std::vector<std::int64_t>{rows, columns}}},
          [=](const Tensors& inputs, std::int64_t) -> Tensors {
            HostTensor y({DType::f32, {N, rows, columns, 1}});
            for (std::int64_t i = 0; i < y.size(); ++i) {
              const std::int64_t n = i / (rows * columns), h = i / columns % rows, w = i % columns;
              const bool covered = inside(inputs[0][4 * n], h, inputs[0][4 * n + 2]) &&
                                   inside(inputs[0][4 * n + 1], w, inputs[0][4 * n + 3]);
              y[i] = covered ? 0 : 1;
            }
            return {y};
          }};
}

}  // namespace

std::vector<Case> augment_cases() {
  std::vector<Case> cases = {
      transform_case(
          "moved and flipped",
          {{3, 7, 5, 3}, {1, 0, 2, 0, 1, -3, -1, 0, 4, 0, 1, 0, -1, 0, 3, 0, 1, 9}, 7, 5}),
      transform_case("padded", {{2, 5, 7, 1}, {1, 0, -1, 0, 1, 1, -1, 0, 6, 0, 1, 0}, 5, 7, 3}),
      transform_case("turned",
                     {{2, 9, 8, 3},
                      {0.8, -0.6, 3.1, 0.6, 0.8, -1.7, 0.28, 0.96, -1.3, -0.96, 0.28, 6.9},
                      9,
                      8,
                      1}),
      transform_case("resized with replicated border",
                     {{2, 6, 9, 2},
                      {1.7, 0, -0.31, 0, 0.45, -0.27, 0.6, 0, 3.8, 0, 1.3, -2.1},
                      11,
                      5,
                      0,
                      true}),
      transform_case("far away", {{1, 3, 4, 1}, {1e20, 0, -7e20, 0, 3e12, 1}, 5, 5}),
      mask_case("boxes that cross borders",
                {1, 2, 4, 5, -3, -2, 2, 3, 5, 6, 20, 30, 2, 2, 2, 2, -9, -9, 99, 99}, 5, 7, 9),
      mask_case("parts of pixels", {0.5, 1.25, 3.5, 2.75}, 1, 5, 4),
      transform_case("N128 H32 C3", {{128, 32, 32, 3}, {1, 0, 2, 0, 1, -3}, 32, 32}),
  };
  cases.back().bench_only = true;
  return cases;
}

}  // namespace tessera::cases
