// Depthwise conv2d, conv2d_dx and conv2d_dw with one filter a channel and strides and dilations of
// 1: a filter slides along a row with its weights and the sums in registers, so that each vector is
// loaded once for all taps of a row of the filter.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/epilogue.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// A slide of each channel over itself.
struct Window : Conv2dSlide {
  const float *x, *bias;
  float* y;
  Epilogue epilogue;

  bool inside(std::int64_t row) const { return row >= 0 && row < H; }
};

std::string refuse(const Conv2dGeometry& g) {
  if (g.groups != g.C || g.K != g.C) return "it has not one filter a channel";
  if (g.stride_h != 1 || g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1)
    return "a stride or dilation is not 1";
  return g.R == g.S && (g.R == 3 || g.R == 5) ? "" : "the filter is neither 3x3 nor 5x5";
}

/// f(size) with the size of the filter as a constant.
template <typename Function>
auto for_size(std::int64_t size, const Function& f) {
  return size == 3 ? f(std::integral_constant<int, 3>{}) : f(std::integral_constant<int, 5>{});
}

/// One vector of the channels of row p of image n; weights [size*size,C].
template <int size, typename Access>
void slide(const Window& o, const float* weights, std::int64_t n, std::int64_t p, std::int64_t c,
           const Access& access) {
  Vec w[size * size], sums[size];  // sums[s]: of the pixel of which tap s is at the column
  repeat<size * size>([&](auto tap) { w[tap] = access.load(weights + tap * o.outs + c); });
  const Vec bias = o.bias ? access.load(o.bias + c) : Vec{};
  repeat<size>([&](auto s) { sums[s] = bias; });
  bool inside[size];
  repeat<size>([&](auto r) { inside[r] = o.inside(p + r - o.before_h); });
  const float* x = o.x + (n * o.H + p - o.before_h) * o.W * o.outs + c;
  float* y = o.y + (n * o.P + p) * o.Q * o.outs + c;
  for (std::int64_t i = 0; i < o.Q + size - 1; ++i) {
    const std::int64_t column = i - o.before_w;
    prefetch(x + ((size - 1) * o.W + column) * o.outs + lanes);
    if (column >= 0 && column < o.W)
      repeat<size>([&](auto r) {
        if (!inside[r]) return;
        const Vec value = access.load(x + (r * o.W + column) * o.outs);
        repeat<size>([&](auto s) { sums[s] += value * w[r * size + s]; });
      });
    if (i >= size - 1) {
      float* to = y + (i - size + 1) * o.outs;
      access.store(to, o.epilogue.finished(sums[size - 1], to, access));
    }
    repeat<size - 1>([&](auto s) { sums[size - 1 - s] = sums[size - 2 - s]; });
    sums[0] = bias;
  }
}

/// w [C,taps] -> [taps,C], the last tap first if `backwards`.
void pack(const float* w, std::int64_t C, std::int64_t taps, bool backwards, float* packed) {
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t c = 0; c < C; ++c)
      *packed++ = w[c * taps + (backwards ? taps - 1 - tap : tap)];
}

template <int size>
Step make_step(const BoundNode& node, const Window& o, bool backwards) {
  const std::int64_t rows = o.N * o.P, taps = size * size;
  const std::int64_t chunks =
      chunk_count(rows, static_cast<double>(2 * taps * o.Q * o.outs) / depthwise_flops_per_ns);
  const float* w = node.input(1);
  const bool past_cache = node.past_cache(0) && o.outs % lanes == 0;
  const auto run = [=](const StepContext& context) {
    float* packed = context.floats();
    pack(w, o.outs, taps, backwards, packed);
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Tail tail(o.outs % lanes);
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const auto vector = [&](std::int64_t c, const auto& access) {
          slide<size>(o, packed, row / o.P, row % o.P, c, access);
        };
        past_cache ? for_vectors<PastCache>(o.outs, tail, vector)
                   : for_vectors(o.outs, tail, vector);
      }
    });
  };
  return {run, static_cast<std::size_t>(taps * o.outs) * sizeof(float)};
}

/// What the gradient of the weights is made from: partial sums [size*size,C] of blocks of rows.
struct Sums {
  Conv2dGeometry g;
  const float *x, *dy;

  std::int64_t rows() const { return g.N * g.P; }
  std::int64_t partial_floats() const { return g.R * g.S * g.C; }
  /// Few enough that x and dy stay in the first cache while vector after vector passes over them.
  std::int64_t block_rows() const {
    constexpr std::int64_t cached_floats = 16 * 1024;
    return std::max<std::int64_t>(1, cached_floats / ((g.W + g.Q) * g.C));
  }
};

/// Adds rows of dy to one vector of the channels of `partial`.
template <int size, typename Access>
void add_rows(const Sums& o, Range rows, std::int64_t c, float* partial, const Access& access) {
  const Conv2dGeometry& g = o.g;
  Vec sums[size * size];
  repeat<size * size>([&](auto tap) { sums[tap] = access.load(partial + tap * g.C + c); });
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const std::int64_t n = row / g.P, first = row % g.P - g.padding_h;
    bool inside[size];
    repeat<size>([&](auto r) { inside[r] = first + r >= 0 && first + r < g.H; });
    const float* x = o.x + (n * g.H + first) * g.W * g.C + c;
    const float* dy_row = o.dy + row * g.Q * g.C + c;
    Vec dy[size] = {};  // dy[s]: of the pixel of which tap s is at the column
    for (std::int64_t column = -g.padding_w; column < g.W; ++column) {
      repeat<size - 1>([&](auto s) { dy[size - 1 - s] = dy[size - 2 - s]; });
      const std::int64_t q = column + g.padding_w;
      dy[0] = q < g.Q ? access.load(dy_row + q * g.C) : Vec{};
      prefetch(dy_row + q * g.C + lanes);
      prefetch(x + ((size - 1) * g.W + column) * g.C + lanes);
      if (column < 0) continue;
      repeat<size>([&](auto r) {
        if (!inside[r]) return;
        const Vec value = access.load(x + (r * g.W + column) * g.C);
        repeat<size>([&](auto s) { sums[r * size + s] += value * dy[s]; });
      });
    }
  }
  repeat<size * size>([&](auto tap) { access.store(partial + tap * g.C + c, sums[tap]); });
}

template <int size>
void add_chunk(const Sums& o, Range rows, float* partial) {
  const Tail tail(o.g.C % lanes);
  std::fill_n(partial, o.partial_floats(), 0.0f);
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += o.block_rows()) {
    const Range block = {begin, std::min(begin + o.block_rows(), rows.end)};
    for_vectors(o.g.C, tail, [&](std::int64_t c, const auto& access) {
      add_rows<size>(o, block, c, partial, access);
    });
  }
}

}  // namespace

std::string refuse_conv2d_slide(const DeviceNode& node) { return refuse(conv2d_geometry_of(node)); }

std::string refuse_conv2d_dx_slide(const DeviceNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  if (g.padding_h >= g.R || g.padding_w >= g.S) return "there is padding that no pixel meets";
  return refuse(g);
}

std::string refuse_conv2d_dw_slide(const DeviceNode& node) {
  return refuse(conv2d_dw_geometry_of(node));
}

Step lower_conv2d_slide(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  const Window window = {forward_slide(g), node.input(0), bias_of(node), node.output(0),
                         Epilogue(node)};
  return for_size(g.R, [&](auto size) { return make_step<size>(node, window, false); });
}

Step lower_conv2d_dx_slide(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  const Window window = {gradient_slide(g), node.input(0), nullptr, node.output(0), Epilogue(node)};
  return for_size(g.R, [&](auto size) { return make_step<size>(node, window, true); });
}

Step lower_conv2d_dw_slide(const BoundNode& node) {
  const Sums sums = {conv2d_dw_geometry_of(node), node.input(0), node.input(1)};
  const Conv2dGeometry& g = sums.g;
  float* dw = node.output(0);
  const std::int64_t chunks = depthwise_dw_chunks(g);
  const auto add = for_size(g.R, [](auto size) { return &add_chunk<size>; });
  const auto run = [=](const StepContext& context) {
    float* partials = context.floats();
    const std::int64_t floats = sums.partial_floats(), taps = sums.g.R * sums.g.S;
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      add(sums, chunk_range(sums.rows(), chunks, chunk), partials + chunk * floats);
    });
    add_depthwise_partials(partials, chunks, taps, sums.g.C, dw);
  };
  return {run, static_cast<std::size_t>(chunks * sums.partial_floats()) * sizeof(float)};
}

}  // namespace TESSERA_CPU_NAMESPACE
