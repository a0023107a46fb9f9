// Batch norm on CPUs, which reads and writes in the order of memory.
#include <algorithm>
#include <numeric>

#include "backends/opencl/ops/normalization.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/normalization_params.h"

constexpr const char* file = "normalization_stream.cl";

/// How x [L,C] is walked through; see the kernel file.
struct Stream {
  std::int64_t L, C, size, period;

  explicit Stream(const DeviceNode& l) : L(0), C(0), size(l.input_spec(0).elements()), period(0) {
    const NormalizationGeometry g = normalization_geometry_of(l);
    L = g.L, C = g.C();
    period = std::lcm(C, l.width());
    while (period < 4 * l.width()) period *= 2;  // the innermost loop is worth its start
    l.to_int(size);
  }
  std::int64_t vectors(const DeviceNode& l) const { return ceil_div(C, l.width()); }
  std::int64_t spans(std::int64_t span) const { return ceil_div(size, span); }

  /// Long enough that the sums of an item are few beside it, and that there are few of them.
  std::int64_t span_of_sums() const {
    constexpr std::int64_t floats = 16384, shortest = 32, most = 512;
    return period * std::max({floats / period, shortest, ceil_div(size, period * most)});
  }
  std::int64_t span_of_elements() const {
    constexpr std::int64_t floats = 8192;
    return period * ceil_div(floats, period);
  }
};

StreamParams stream_params(const DeviceNode& l, const Stream& s, std::int64_t span) {
  return {.size = l.to_int(s.size), .period = l.to_int(s.period), .span = l.to_int(span)};
}

Defines defines_of(const DeviceNode& l, const Stream& s) {
  return l.defines().set("WHOLE", s.size % l.width() == 0 ? 1 : 0);
}

/// Memory for `rows` rows of `period` floats, and a vector more to read past them.
cl::Buffer rows_of_period(LaunchBuilder& l, const Stream& s, std::int64_t rows) {
  return l.workspace(float_bytes(rows * s.period + l.width()));
}

cl::Buffer launch_operands(LaunchBuilder& l, const Stream& s, const cl::Buffer& mean,
                           const cl::Buffer& rstd, bool affine, std::size_t w, std::size_t b) {
  cl::Buffer operands = rows_of_period(l, s, 5);
  l.launch_items(
      file, defines_of(l, s), "stream_operands", s.vectors(l), 16, mean, rstd,
      input_or_unused(l, affine, w), input_or_unused(l, affine, b), operands,
      StreamOperandsParams{.affine = affine, .C = l.to_int(s.C), .period = l.to_int(s.period)});
  return operands;
}

void launch_normalize(LaunchBuilder& l, const Stream& s, const cl::Buffer& mean,
                      const cl::Buffer& rstd) {
  const BatchNormInputs inputs(l.input_count());
  const cl::Buffer operands = launch_operands(l, s, mean, rstd, inputs.affine, 3, 4);
  const std::int64_t span = s.span_of_elements();
  l.launch_items(file, defines_of(l, s), "stream_normalize", s.spans(span), 1, l.input(0), operands,
                 l.output(0), stream_params(l, s, span), l.past_cache(0),
                 normalization_epilogue(l, inputs.residual));
}

}  // namespace

std::string refuse_stream(const DeviceNode& l) {
  if (!l.traits().is_cpu) return "made for CPUs";
  const NormalizationGeometry g = normalization_geometry_of(l);
  return g.N == 1 && g.D == 1 ? "" : "the statistics are not those of channels";
}

void lower_batch_norm_stream(LaunchBuilder& l) {
  const Stream s(l);
  const std::int64_t span = s.span_of_sums(), parts = s.spans(span);
  const cl::Buffer moments = rows_of_period(l, s, 3 * parts);
  l.launch_items(file, defines_of(l, s), "stream_moments", parts, 1, l.input(0), moments,
                 stream_params(l, s, span));
  l.launch_items(
      file, defines_of(l, s), "stream_statistics", s.vectors(l), 1, moments, l.output(1),
      l.output(2), l.output(3), l.output(4),
      StreamStatisticsParams{.L = l.to_int(s.L),
                             .C = l.to_int(s.C),
                             .period = l.to_int(s.period),
                             .rows = l.to_int(span / s.C),
                             .parts = l.to_int(parts),
                             .eps = eps_of(l),
                             .momentum = static_cast<cl_float>(l.attributes().number("momentum"))});
  launch_normalize(l, s, l.output(1), l.output(2));
}

void lower_inference_stream(LaunchBuilder& l) {
  const Stream s(l);
  l.launch_items("normalization.cl", l.defines(), "batch_norm_rstd", s.C, 64, l.input(2),
                 l.output(1), eps_of(l));
  launch_normalize(l, s, l.input(1), l.output(1));
}

void lower_dx_stream(LaunchBuilder& l) {
  const Stream s(l);
  const bool affine = l.input_count() > 4;
  const cl::Buffer operands =
      launch_operands(l, s, l.input(2), l.input(3), affine, 4, l.input_count() - 1);
  const Clamp clamp = activation_clamp(l.attributes());
  const ActivationRange range = {.low = clamp.low, .high = clamp.high};
  const std::int64_t span = s.span_of_sums(), parts = s.spans(span);
  const cl::Buffer sums = rows_of_period(l, s, 2 * parts);
  l.launch_items(file, defines_of(l, s), "stream_sums", parts, 1, l.input(0), l.input(1), operands,
                 sums, range, stream_params(l, s, span));
  l.launch_items(file, defines_of(l, s), "stream_gradient", s.vectors(l), 1, sums, l.input(3),
                 l.output(1), l.output(2), operands,
                 StreamGradientParams{.C = l.to_int(s.C),
                                      .period = l.to_int(s.period),
                                      .parts = l.to_int(parts),
                                      .share = share_of_element(l, normalization_geometry_of(l))});
  const std::int64_t slice = s.span_of_elements();
  l.launch_items(file, defines_of(l, s), "stream_dx", s.spans(slice), 1, l.input(0), l.input(1),
                 operands, l.output(0), range, l.past_cache(0), stream_params(l, s, slice));
}

}  // namespace tessera::opencl
