// How outputs, taps and sources of a convolution lie along one axis.
#include <numeric>

#include "backends/cpu/ops/conv2d.h"

namespace TESSERA_CPU_NAMESPACE {

Range Axis::valid_taps(std::int64_t i, std::int64_t size) const {
  const std::int64_t start = i * src_step + first;
  const std::int64_t begin = start >= 0 ? 0 : (-start + step - 1) / step;
  const std::int64_t end = start >= size ? 0 : (size - 1 - start) / step + 1;
  return {std::min(begin, taps), std::max(std::min(begin, taps), std::min(end, taps))};
}

Range Axis::sources(Range outputs_read, std::int64_t size) const {
  if (taps == 0 || outputs_read.begin >= outputs_read.end) return {0, 0};
  const std::int64_t begin = outputs_read.begin * src_step + first;
  const std::int64_t end = (outputs_read.end - 1) * src_step + first + (taps - 1) * step + 1;
  const std::int64_t clipped = std::clamp<std::int64_t>(begin, 0, size);
  return {clipped, std::clamp(end, clipped, size)};
}

void ColumnPadding::cover(const Axis& columns, std::int64_t size) {
  if (columns.taps == 0 || columns.outputs <= 0) return;
  left = std::max(left, -columns.first);
  right = std::max(right, columns.last() - (size - 1));
}

void copy_padded(const float* from, std::int64_t rows, std::int64_t columns, std::int64_t C,
                 const ColumnPadding& padding, float* to) {
  for (std::int64_t row = 0; row < rows; ++row) {
    to = std::fill_n(to, padding.left * C, 0.0f);
    to = std::copy_n(from + row * columns * C, columns * C, to);
    to = std::fill_n(to, padding.right * C, 0.0f);
  }
}

Axis forward_axis(std::int64_t outputs, std::int64_t taps, std::int64_t stride,
                  std::int64_t padding, std::int64_t dilation) {
  return {outputs, 0, 1, stride, taps, -padding, dilation, 0, 1};
}

// Positions h = phase + i*stride of dx, and the taps r with
// (h + padding - r*dilation) a multiple of the stride, in the order of the dy they read.
std::vector<Axis> gradient_axes(std::int64_t size, std::int64_t taps, std::int64_t stride,
                                std::int64_t padding, std::int64_t dilation) {
  std::vector<Axis> axes;
  const std::int64_t common = std::gcd(stride, dilation);
  for (std::int64_t phase = 0; phase < std::min(stride, size); ++phase) {
    Axis axis{(size - phase + stride - 1) / stride,
              phase,
              stride,
              1,
              0,
              0,
              dilation / common,
              0,
              -(stride / common)};
    for (std::int64_t r = 0; r < taps; ++r)
      if ((phase + padding - r * dilation) % stride == 0) {
        ++axis.taps;
        axis.tap_first = r;
        axis.first = (phase + padding - r * dilation) / stride;
      }
    axes.push_back(axis);
  }
  return axes;
}

}  // namespace TESSERA_CPU_NAMESPACE
