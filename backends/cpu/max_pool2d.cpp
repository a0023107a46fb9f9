// max_pool2d and its gradient, which gathers: each element of dx looks at the windows it lies in.
#include <cmath>

#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Geometry {
  std::int64_t N, H, W, C, P, Q, R, S, stride_h, stride_w, padding_h, padding_w;
};

Geometry geometry(const NodeContext& node, const Shape& x, const Shape& y) {
  const auto& kernel = node.attributes().integers("kernel");
  const auto& stride = node.attributes().integers("stride");
  const auto& padding = node.attributes().integers("padding");
  return {x[0],      x[1],      x[2],      x[3],      y[1],       y[2],
          kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1]};
}

/// The maximum of window (p,q) of image `x` for each channel. NaN wins, else the first maximum.
void pool_window(const Geometry& g, const float* x, std::int64_t p, std::int64_t q, float* y,
                 std::uint8_t* index) {
  const std::int64_t h0 = p * g.stride_h - g.padding_h, w0 = q * g.stride_w - g.padding_w;
  const std::int64_t r0 = std::max<std::int64_t>(0, -h0), s0 = std::max<std::int64_t>(0, -w0);
  const std::int64_t r1 = std::min(g.R, g.H - h0), s1 = std::min(g.S, g.W - w0);
  bool first = true;
  for (std::int64_t r = r0; r < r1; ++r)
    for (std::int64_t s = s0; s < s1; ++s) {
      const float* from = x + ((h0 + r) * g.W + w0 + s) * g.C;
      const auto place = static_cast<std::uint8_t>(r * g.S + s);
      for (std::int64_t c = 0; c < g.C; ++c) {
        const bool better = first || from[c] > y[c] || (from[c] != from[c] && y[c] == y[c]);
        y[c] = better ? from[c] : y[c];
        index[c] = better ? place : index[c];
      }
      first = false;
    }
}

Step prepare(const NodeContext& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  auto* index = node.output<std::uint8_t>(1);
  const Geometry g = geometry(node, node.input_spec(0).shape, node.output_spec(0).shape);
  const std::int64_t rows = g.N * g.P;
  const std::int64_t chunks = chunk_count(rows, static_cast<double>(g.Q * g.C * g.R * g.S));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        for (std::int64_t q = 0; q < g.Q; ++q) {
          const std::int64_t at = (row * g.Q + q) * g.C;
          pool_window(g, x + row / g.P * g.H * g.W * g.C, row % g.P, q, y + at, index + at);
        }
    });
  }};
}

/// The windows along one axis that contain position `i`.
Range windows(std::int64_t i, std::int64_t padding, std::int64_t kernel, std::int64_t stride,
              std::int64_t count) {
  const std::int64_t last = i + padding;
  const std::int64_t first = last - kernel + 1;
  return {first <= 0 ? 0 : (first + stride - 1) / stride, std::min(count, last / stride + 1)};
}

Step prepare_dx(const NodeContext& node) {
  const float* dy = node.input(0);
  const auto* index = node.input<std::uint8_t>(1);
  float* dx = node.output(0);
  const Geometry g = geometry(node, node.output_spec(0).shape, node.input_spec(0).shape);
  const std::int64_t rows = g.N * g.H;
  const std::int64_t chunks = chunk_count(rows, 0.5 * static_cast<double>(g.W * g.C));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const std::int64_t n = row / g.H, h = row % g.H;
        const Range ps = windows(h, g.padding_h, g.R, g.stride_h, g.P);
        for (std::int64_t w = 0; w < g.W; ++w) {
          float* out = dx + (row * g.W + w) * g.C;
          std::fill_n(out, g.C, 0.0f);
          const Range qs = windows(w, g.padding_w, g.S, g.stride_w, g.Q);
          for (std::int64_t p = ps.begin; p < ps.end; ++p)
            for (std::int64_t q = qs.begin; q < qs.end; ++q) {
              const std::int64_t at = ((n * g.P + p) * g.Q + q) * g.C;
              const auto place = static_cast<std::uint8_t>(
                  (h + g.padding_h - p * g.stride_h) * g.S + w + g.padding_w - q * g.stride_w);
              for (std::int64_t c = 0; c < g.C; ++c)
                out[c] += index[at + c] == place ? dy[at + c] : 0;
            }
        }
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> max_pool2d_lowerings() {
  return {{"max_pool2d", {{"direct", nullptr, prepare}}},
          {"max_pool2d_dx", {{"gather", nullptr, prepare_dx}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
