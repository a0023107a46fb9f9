// Images seen through an affine transform, and masks of boxes.
#include <cmath>

#include "backends/cpu/lowering/variant.h"
#include "engine/ops/image_to_float.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// The pixels around a place: the upper left one, which may lie outside, and the weight of the
/// lower right.
struct Place {
  std::int64_t at;
  float part;
};

Place place(float coordinate, std::int64_t size, bool replicate) {
  constexpr float far = 1e9f;  // as far as a coordinate can go and still be an int
  const float least = replicate ? 0 : -far, most = replicate ? static_cast<float>(size - 1) : far;
  coordinate = std::max(least, std::min(most, coordinate));
  const float below = std::floor(coordinate);
  return {static_cast<std::int64_t>(below), coordinate - below};
}

struct Images {
  const std::uint8_t* x;
  std::int64_t H, W, C;
  /// Whether the four pixels around a place lie in the image.
  bool surrounds(const Place& h, const Place& w) const {
    return h.at >= 0 && h.at < H - 1 && w.at >= 0 && w.at < W - 1;
  }
  template <bool is_inside>
  float pixel(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    const bool inside = is_inside || (h >= 0 && h < H && w >= 0 && w < W);
    return inside ? static_cast<float>(x[((n * H + h) * W + w) * C + c]) : 0.0f;
  }
  /// `is_inside`: the image surrounds the place, so that no pixel has to be checked.
  template <bool is_inside>
  float between(std::int64_t n, const Place& h, const Place& w, std::int64_t c) const {
    const auto at = [&](std::int64_t down, std::int64_t right) {
      return pixel<is_inside>(n, h.at + down, w.at + right, c);
    };
    const float upper = at(0, 0);
    if (h.part == 0 && w.part == 0) return upper;
    const float lower = at(1, 0);
    const float upper_mean = upper + w.part * (at(0, 1) - upper);
    const float lower_mean = lower + w.part * (at(1, 1) - lower);
    return upper_mean + h.part * (lower_mean - upper_mean);
  }
};

Step lower_transform(const BoundNode& node) {
  const Shape& in = node.input_spec(0).shape;
  const Images images = {node.input<std::uint8_t>(0), in[1], in[2], in[3]};
  const float* transforms = node.input(1);
  float* y = node.output(0);
  const std::int64_t P = node.output_spec(0).shape[1], Q = node.output_spec(0).shape[2];
  const std::int64_t padding = node.attributes().integer("padding");
  const bool replicate = node.attributes().integer("replicate") != 0;
  const std::int64_t rows = in[0] * P;
  const std::int64_t chunks = chunk_count(rows, 3 * static_cast<double>(Q * images.C));
  const auto run = [=, factors = image_factors(node.attributes())](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const float* t = transforms + row / P * 6;
        const auto p = static_cast<float>(row % P - padding);
        float* out = y + row * Q * images.C;
        for (std::int64_t j = 0; j < Q; ++j) {
          const auto q = static_cast<float>(j - padding);
          const Place w = place(t[0] * q + t[1] * p + t[2], images.W, replicate);
          const Place h = place(t[3] * q + t[4] * p + t[5], images.H, replicate);
          const bool inside = images.surrounds(h, w);
          for (std::int64_t c = 0; c < images.C; ++c) {
            const float* factor = &factors[static_cast<std::size_t>(2 * c)];
            const float value = inside ? images.between<true>(row / P, h, w, c)
                                       : images.between<false>(row / P, h, w, c);
            *out++ = value * factor[0] + factor[1];
          }
        }
      }
    });
  };
  return {run};
}

Step lower_mask(const BoundNode& node) {
  const float* boxes = node.input(0);
  float* y = node.output(0);
  const std::int64_t H = node.output_spec(0).shape[1], W = node.output_spec(0).shape[2];
  const std::int64_t rows = node.output_spec(0).shape[0] * H;
  const std::int64_t chunks = chunk_count(rows, 0.5 * static_cast<double>(W));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const auto h = static_cast<float>(row % H);
        const float* box = boxes + row / H * 4;
        const bool crosses = h >= box[0] && h < box[2];
        for (std::int64_t w = 0; w < W; ++w) {
          const auto column = static_cast<float>(w);
          y[row * W + w] = crosses && column >= box[1] && column < box[3] ? 0.0f : 1.0f;
        }
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> augment_algorithms() {
  return {{"transform_image", {{"rows", nullptr, lower_transform}}},
          {"box_mask", {{"rows", nullptr, lower_mask}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
