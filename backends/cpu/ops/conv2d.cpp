// conv2d and its two gradients.
#include "backends/cpu/ops/conv2d.h"

#include "backends/cpu/ops/epilogue.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// The row or column of y to which tap `r` carries position `h` of x, or -1.
std::int64_t output_of(std::int64_t h, std::int64_t r, std::int64_t stride, std::int64_t padding,
                       std::int64_t dilation, std::int64_t count) {
  const std::int64_t at = h + padding - r * dilation;
  return at >= 0 && at % stride == 0 && at / stride < count ? at / stride : -1;
}

Step lower_naive(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  const float *x = node.input(0), *w = node.input(1), *b = bias_of(node);
  float* y = node.output(0);
  const std::int64_t Cg = g.C / g.groups, Kg = g.K / g.groups;
  const auto element = [=](std::int64_t n, std::int64_t p, std::int64_t q, std::int64_t k) {
    double sum = b ? b[k] : 0;
    for (std::int64_t r = 0; r < g.R; ++r)
      for (std::int64_t s = 0; s < g.S; ++s) {
        const std::int64_t h = p * g.stride_h - g.padding_h + r * g.dilation_h;
        const std::int64_t i = q * g.stride_w - g.padding_w + s * g.dilation_w;
        if (h < 0 || h >= g.H || i < 0 || i >= g.W) continue;
        const float* from = x + ((n * g.H + h) * g.W + i) * g.C + k / Kg * Cg;
        for (std::int64_t c = 0; c < Cg; ++c)
          sum += double{from[c]} * double{w[((k * g.R + r) * g.S + s) * Cg + c]};
      }
    return static_cast<float>(sum);
  };
  const Epilogue epilogue(node);
  const std::int64_t rows = g.N * g.P;
  const std::int64_t chunks = chunk_count(rows, g.flops() / static_cast<double>(rows));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        for (std::int64_t q = 0; q < g.Q; ++q)
          for (std::int64_t k = 0; k < g.K; ++k)
            y[(row * g.Q + q) * g.K + k] = element(row / g.P, row % g.P, q, k);
      epilogue.finish(y + range.begin * g.Q * g.K, (range.end - range.begin) * g.Q * g.K);
    });
  }};
}

Step lower_dx_naive(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  const float *dy = node.input(0), *w = node.input(1);
  float* dx = node.output(0);
  const std::int64_t Cg = g.C / g.groups, Kg = g.K / g.groups;
  const auto element = [=](std::int64_t n, std::int64_t h, std::int64_t i, std::int64_t c) {
    double sum = 0;
    for (std::int64_t r = 0; r < g.R; ++r)
      for (std::int64_t s = 0; s < g.S; ++s) {
        const std::int64_t p = output_of(h, r, g.stride_h, g.padding_h, g.dilation_h, g.P);
        const std::int64_t q = output_of(i, s, g.stride_w, g.padding_w, g.dilation_w, g.Q);
        if (p < 0 || q < 0) continue;
        const std::int64_t k0 = c / Cg * Kg;
        const float* from = dy + ((n * g.P + p) * g.Q + q) * g.K + k0;
        for (std::int64_t k = 0; k < Kg; ++k)
          sum += double{from[k]} * double{w[(((k0 + k) * g.R + r) * g.S + s) * Cg + c % Cg]};
      }
    return static_cast<float>(sum);
  };
  const std::int64_t rows = g.N * g.H;
  const std::int64_t chunks = chunk_count(rows, g.flops() / static_cast<double>(rows));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        for (std::int64_t i = 0; i < g.W; ++i)
          for (std::int64_t c = 0; c < g.C; ++c)
            dx[(row * g.W + i) * g.C + c] = element(row / g.H, row % g.H, i, c);
    });
  }};
}

Step lower_dw_naive(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(node);
  const float *x = node.input(0), *dy = node.input(1);
  float* dw = node.output(0);
  const std::int64_t Cg = g.C / g.groups, Kg = g.K / g.groups;
  const auto element = [=](std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) {
    double sum = 0;
    for (std::int64_t n = 0; n < g.N; ++n)
      for (std::int64_t p = 0; p < g.P; ++p) {
        const std::int64_t h = p * g.stride_h - g.padding_h + r * g.dilation_h;
        if (h < 0 || h >= g.H) continue;
        for (std::int64_t q = 0; q < g.Q; ++q) {
          const std::int64_t i = q * g.stride_w - g.padding_w + s * g.dilation_w;
          if (i < 0 || i >= g.W) continue;
          sum += double{x[((n * g.H + h) * g.W + i) * g.C + k / Kg * Cg + c]} *
                 double{dy[((n * g.P + p) * g.Q + q) * g.K + k]};
        }
      }
    return static_cast<float>(sum);
  };
  const std::int64_t chunks = chunk_count(g.K, g.flops() / static_cast<double>(g.K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(g.K, chunks, chunk);
      for (std::int64_t k = range.begin; k < range.end; ++k)
        for (std::int64_t r = 0; r < g.R; ++r)
          for (std::int64_t s = 0; s < g.S; ++s)
            for (std::int64_t c = 0; c < Cg; ++c)
              dw[((k * g.R + r) * g.S + s) * Cg + c] = element(k, r, s, c);
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> conv2d_algorithms() {
  return {{"conv2d",
           {{"depthwise_slide", refuse_conv2d_slide, lower_conv2d_slide},
            {"depthwise", refuse_conv2d_depthwise, lower_conv2d_depthwise},
            {"planar", refuse_conv2d_planar, lower_conv2d_planar, nullptr, doubt_conv2d_planar},
            {"winograd", refuse_conv2d_winograd, lower_conv2d_winograd, conv2d_winograd_candidates,
             doubt_conv2d_winograd},
            {"direct", nullptr, lower_conv2d_direct},
            {"naive", nullptr, lower_naive}}},
          {"conv2d_dx",
           {{"depthwise_slide", refuse_conv2d_dx_slide, lower_conv2d_dx_slide},
            {"depthwise", refuse_conv2d_dx_depthwise, lower_conv2d_dx_depthwise},
            {"planar", refuse_conv2d_dx_planar, lower_conv2d_dx_planar, nullptr,
             doubt_conv2d_dx_planar},
            {"winograd", refuse_conv2d_dx_winograd, lower_conv2d_dx_winograd,
             conv2d_dx_winograd_candidates, doubt_conv2d_dx_winograd},
            {"direct", nullptr, lower_conv2d_dx_direct},
            {"naive", nullptr, lower_dx_naive}}},
          {"conv2d_dw",
           {{"depthwise_slide", refuse_conv2d_dw_slide, lower_conv2d_dw_slide},
            {"depthwise", refuse_conv2d_dw_depthwise, lower_conv2d_dw_depthwise},
            {"winograd", refuse_conv2d_dw_winograd, lower_conv2d_dw_winograd,
             conv2d_dw_winograd_candidates, doubt_conv2d_dw_winograd},
            {"direct", nullptr, lower_conv2d_dw_direct},
            {"naive", nullptr, lower_dw_naive}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
