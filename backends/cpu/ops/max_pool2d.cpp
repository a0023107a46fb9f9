// max_pool2d and its gradient, a vector of channels at a time.
#include "engine/ops/max_pool2d.h"

#include <limits>

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Geometry {
  std::int64_t N, H, W, C, P, Q, R, S, stride_h, stride_w, padding_h, padding_w;

  /// About how long a row of `pixels` takes that look at a whole window each.
  double row_ns(std::int64_t pixels) const {
    return static_cast<double>(pixels * ((C + lanes - 1) / lanes) * (R * S + 2));
  }
};

Geometry geometry(const NodeView& node, const Shape& x, const Shape& y) {
  const auto& kernel = node.attributes().integers("kernel");
  const auto& stride = node.attributes().integers("stride");
  const auto& padding = node.attributes().integers("padding");
  return {x[0],      x[1],      x[2],      x[3],      y[1],       y[2],
          kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1]};
}

/// The part of a window that starts at `start` and lies inside [0, size).
Range inside(std::int64_t start, std::int64_t kernel, std::int64_t size) {
  return {std::max<std::int64_t>(0, -start), std::min(kernel, size - start)};
}

/// The maximum over the taps rs x ss of a window that begins at `window`, for each channel. NaN
/// wins, else the first maximum.
[[gnu::always_inline]] inline void pool_window(const Geometry& g, std::int64_t S, Range rs,
                                               Range ss, const Tail& tail, const float* window,
                                               float* y, std::uint8_t* index) {
  for_vectors(
      g.C, tail, [&](std::int64_t c, const auto& access) __attribute__((always_inline)) {
        IntVec place{};
        Vec best{};
        for (std::int64_t r = rs.begin; r < rs.end; ++r)
          for (std::int64_t s = ss.begin; s < ss.end; ++s) {
            const Vec candidate = access.load(window + (r * g.W + s) * g.C + c);
            const IntVec here = IntVec{} + static_cast<std::int32_t>(r * S + s);
            if (r == rs.begin && s == ss.begin) {
              best = candidate;
              place = here;
              continue;
            }
            const IntVec better = ~(candidate <= best) & (best == best);
            best = better ? candidate : best;
            place = better ? here : place;
          }
        access.store(y + c, best);
        access.store_bytes(index + c, place);
      });
}

void pool_row(const Geometry& g, const Tail& tail, const float* image, std::int64_t p, float* y,
              std::uint8_t* index) {
  const std::int64_t h0 = p * g.stride_h - g.padding_h;
  const Range rs = inside(h0, g.R, g.H);
  for (std::int64_t q = 0; q < g.Q; ++q, y += g.C, index += g.C) {
    const std::int64_t w0 = q * g.stride_w - g.padding_w;
    const Range ss = inside(w0, g.S, g.W);
    const float* window = image + (h0 * g.W + w0) * g.C;
    const bool two_by_two =
        g.R == 2 && g.S == 2 && rs.end - rs.begin == 2 && ss.end - ss.begin == 2;
    if (two_by_two)  // constants, so that the compiler unrolls the most common window
      pool_window(g, 2, {0, 2}, {0, 2}, tail, window, y, index);
    else
      pool_window(g, g.S, rs, ss, tail, window, y, index);
  }
}

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  auto* index = node.output<std::uint8_t>(1);
  const Geometry g = geometry(node, node.input_spec(0).shape, node.output_spec(0).shape);
  const std::int64_t rows = g.N * g.P;
  const std::int64_t chunks = chunk_count(rows, g.row_ns(g.Q));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Tail tail(g.C % lanes);
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        pool_row(g, tail, x + row / g.P * g.H * g.W * g.C, row % g.P, y + row * g.Q * g.C,
                 index + row * g.Q * g.C);
    });
  }};
}

struct Gradient {
  Geometry g;
  const float* dy;
  const std::uint8_t* index;
  float* dx;
};

Gradient gradient(const BoundNode& node) {
  return {geometry(node, node.output_spec(0).shape, node.input_spec(0).shape), node.input(0),
          node.input<std::uint8_t>(1), node.output(0)};
}

// ---- scatter: no two windows share an element, so each window writes its own part of dx ---------

std::string refuse_scatter(const DeviceNode& node) {
  const Geometry g = geometry(node, node.output_spec(0).shape, node.input_spec(0).shape);
  return g.stride_h < g.R || g.stride_w < g.S ? "windows overlap" : "";
}

/// The rows of dx between the start of the windows of row `p` and the next; all rows of an image
/// belong to one p.
Range band(const Geometry& g, std::int64_t p) {
  const std::int64_t begin = p * g.stride_h - g.padding_h;
  return {p == 0 ? 0 : std::min(g.H, begin),
          p == g.P - 1 ? g.H : std::min(g.H, begin + g.stride_h)};
}

void scatter_row(const Gradient& o, const Tail& tail, std::int64_t n, std::int64_t p) {
  const Geometry& g = o.g;
  float* image = o.dx + n * g.H * g.W * g.C;
  const bool covered = g.padding_h == 0 && g.padding_w == 0 && g.stride_h == g.R &&
                       g.stride_w == g.S && g.P * g.R == g.H && g.Q * g.S == g.W;
  const Range rows = band(g, p);
  if (!covered) std::fill(image + rows.begin * g.W * g.C, image + rows.end * g.W * g.C, 0.0f);
  const std::int64_t h0 = p * g.stride_h - g.padding_h;
  const Range rs = inside(h0, g.R, g.H);
  for (std::int64_t q = 0; q < g.Q; ++q) {
    const std::int64_t w0 = q * g.stride_w - g.padding_w;
    const Range ss = inside(w0, g.S, g.W);
    const std::int64_t at = ((n * g.P + p) * g.Q + q) * g.C;
    float* window = image + (h0 * g.W + w0) * g.C;
    for_vectors(g.C, tail, [&](std::int64_t c, const auto& access) {
      const Vec dy = access.load(o.dy + at + c);
      const IntVec place = access.load_bytes(o.index + at + c);
      for (std::int64_t r = rs.begin; r < rs.end; ++r)
        for (std::int64_t s = ss.begin; s < ss.end; ++s) {
          const IntVec here = IntVec{} + static_cast<std::int32_t>(r * g.S + s);
          access.store(window + (r * g.W + s) * g.C + c, place == here ? dy : Vec{});
        }
    });
  }
}

Step lower_scatter(const BoundNode& node) {
  const Gradient o = gradient(node);
  const std::int64_t rows = o.g.N * o.g.P;
  const std::int64_t chunks = chunk_count(rows, o.g.row_ns(o.g.Q));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Tail tail(o.g.C % lanes);
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        scatter_row(o, tail, row / o.g.P, row % o.g.P);
    });
  }};
}

// ---- gather: each element of dx looks at the windows it lies in ---------------------------------

/// The windows along one axis that contain position `i`.
Range windows(std::int64_t i, std::int64_t padding, std::int64_t kernel, std::int64_t stride,
              std::int64_t count) {
  const std::int64_t last = i + padding;
  const std::int64_t first = last - kernel + 1;
  return {first <= 0 ? 0 : (first + stride - 1) / stride, std::min(count, last / stride + 1)};
}

void gather_row(const Gradient& o, const Tail& tail, std::int64_t n, std::int64_t h) {
  const Geometry& g = o.g;
  const Range ps = windows(h, g.padding_h, g.R, g.stride_h, g.P);
  for (std::int64_t w = 0; w < g.W; ++w) {
    const Range qs = windows(w, g.padding_w, g.S, g.stride_w, g.Q);
    for_vectors(g.C, tail, [&](std::int64_t c, const auto& access) {
      Vec sum{};
      for (std::int64_t p = ps.begin; p < ps.end; ++p)
        for (std::int64_t q = qs.begin; q < qs.end; ++q) {
          const std::int64_t at = ((n * g.P + p) * g.Q + q) * g.C + c;
          const std::int64_t place =
              (h + g.padding_h - p * g.stride_h) * g.S + w + g.padding_w - q * g.stride_w;
          const IntVec here = IntVec{} + static_cast<std::int32_t>(place);
          sum += access.load_bytes(o.index + at) == here ? access.load(o.dy + at) : Vec{};
        }
      access.store(o.dx + ((n * g.H + h) * g.W + w) * g.C + c, sum);
    });
  }
}

Step lower_gather(const BoundNode& node) {
  const Gradient o = gradient(node);
  const std::int64_t rows = o.g.N * o.g.H;
  const std::int64_t chunks = chunk_count(rows, o.g.row_ns(o.g.W));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Tail tail(o.g.C % lanes);
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        gather_row(o, tail, row / o.g.H, row % o.g.H);
    });
  }};
}

// ---- any windows, given by tables; the index is a place in the image ----------------------------

struct Tables {
  std::int64_t P, Q, H, W, C;
  PoolTable rows, columns;
};

Tables tables(const BoundNode& node, const Shape& x, const Shape& y) {
  auto [rows, columns] = max_pool2d_tables({x[1], x[2]}, node.attributes());
  return {y[1], y[2], x[1], x[2], x[3], std::move(rows), std::move(columns)};
}

void pool_table_window(const Tables& t, const Tail& tail, const float* image, std::size_t p,
                       std::size_t q, float* y, float* index) {
  for_vectors(t.C, tail, [&](std::int64_t c, const auto& access) {
    Vec best = broadcast(-std::numeric_limits<float>::infinity());
    IntVec place = IntVec{} + static_cast<std::int32_t>(t.rows.begin[p] * t.W + t.columns.begin[q]);
    for (std::int64_t h = t.rows.begin[p]; h < t.rows.end[p]; h += t.rows.step)
      for (std::int64_t w = t.columns.begin[q]; w < t.columns.end[q]; w += t.columns.step) {
        const Vec candidate = access.load(image + (h * t.W + w) * t.C + c);
        const IntVec better = ~(candidate <= best) & (best == best);
        best = better ? candidate : best;
        place = better ? IntVec{} + static_cast<std::int32_t>(h * t.W + w) : place;
      }
    access.store(y + c, best);
    access.store(index + c, Vec(place));
  });
}

/// f(n, row, column, tail) for the pixels of `count` images, each of which costs about `ns`.
template <typename Function>
Step for_pixels(std::int64_t count, std::int64_t rows, std::int64_t columns, double ns,
                std::int64_t channels, const Function& f) {
  const std::int64_t pixels = count * rows * columns;
  const std::int64_t chunks = chunk_count(pixels, ns);
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Tail tail(channels % lanes);
      const Range range = chunk_range(pixels, chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i)
        f(i / columns / rows, i / columns % rows, i % columns, tail);
    });
  }};
}

Step lower_windows(const BoundNode& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  float* index = node.output(1);  // bits of integers
  const Shape &from = node.input_spec(0).shape, &to = node.output_spec(0).shape;
  const Tables t = tables(node, from, to);
  const double reads = static_cast<double>(t.H * t.W * t.C) / static_cast<double>(t.P * t.Q);
  return for_pixels(to[0], t.P, t.Q, 10 + reads / lanes, t.C,
                    [=](std::int64_t n, std::int64_t p, std::int64_t q, const Tail& tail) {
                      const std::int64_t at = ((n * t.P + p) * t.Q + q) * t.C;
                      pool_table_window(t, tail, x + n * t.H * t.W * t.C,
                                        static_cast<std::size_t>(p), static_cast<std::size_t>(q),
                                        y + at, index + at);
                    });
}

void gather_table_pixel(const Tables& t, const Tail& tail, const float* dy, const float* index,
                        std::int64_t h, std::int64_t w, float* dx) {
  const auto row = static_cast<std::size_t>(h), column = static_cast<std::size_t>(w);
  const IntVec here = IntVec{} + static_cast<std::int32_t>(h * t.W + w);
  for_vectors(t.C, tail, [&](std::int64_t c, const auto& access) {
    Vec sum{};
    for (std::int64_t p = t.rows.first[row]; p < t.rows.last[row]; ++p)
      for (std::int64_t q = t.columns.first[column]; q < t.columns.last[column]; ++q) {
        const std::int64_t at = (p * t.Q + q) * t.C + c;
        sum += IntVec(access.load(index + at)) == here ? access.load(dy + at) : Vec{};
      }
    access.store(dx + c, sum);
  });
}

Step lower_windows_dx(const BoundNode& node) {
  const float* dy = node.input(0);
  const float* index = node.input(1);  // bits of integers
  float* dx = node.output(0);
  const Shape &from = node.input_spec(0).shape, &to = node.output_spec(0).shape;
  const Tables t = tables(node, to, from);
  const double ns = 10 + static_cast<double>(4 * t.C) / lanes;
  return for_pixels(to[0], t.H, t.W, ns, t.C,
                    [=](std::int64_t n, std::int64_t h, std::int64_t w, const Tail& tail) {
                      const std::int64_t windows = n * t.P * t.Q * t.C;
                      gather_table_pixel(t, tail, dy + windows, index + windows, h, w,
                                         dx + ((n * t.H + h) * t.W + w) * t.C);
                    });
}

}  // namespace

std::vector<OpAlgorithms> max_pool2d_algorithms() {
  return {{"max_pool2d", {{"direct", nullptr, lower}}},
          {"max_pool2d_dx",
           {{"scatter", refuse_scatter, lower_scatter}, {"gather", nullptr, lower_gather}}},
          {"max_pool2d_windows", {{"tables", nullptr, lower_windows}}},
          {"max_pool2d_windows_dx", {{"tables", nullptr, lower_windows_dx}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
