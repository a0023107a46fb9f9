// Reductions over any axes, made for every row of the table of cl_kernels/reductions.h; argmax and
// argmin. Runs of neighbouring axes are reduced one after the other. Long sums are made of the sums
// of blocks: rounding errors stay small.
#include "engine/ops/reduce.h"

#include <cmath>
#include <numeric>

#include "backends/cpu/variant.h"
#include "backends/cpu/vector_math.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH)                         \
  struct NAME##_row {                                                            \
    static Vec identity() { return splat(IDENTITY); }                            \
    static Vec term(Vec x) { return splat(TERM); }                               \
    static Vec combine(Vec a, Vec b) { return splat(COMBINE); }                  \
    static Vec finish(Vec a, [[maybe_unused]] float n) { return splat(FINISH); } \
  };
#include "cl_kernels/reductions.h"
#undef REDUCTION

/// The same for what is combined already.
template <typename R>
struct Combined : R {
  static Vec term(Vec x) { return x; }
};

/// y[j] = the terms of x[row,j] of all rows, combined.
template <typename R>
void reduce_columns(const float* x, std::int64_t rows, std::int64_t width, float* y) {
  constexpr std::int64_t block_rows = 128;
  constexpr int most = 4;
  const Tail tail(width % lanes);
  for_vectors(width, tail,
              [&](std::int64_t j, const auto& access) { access.store(y + j, R::identity()); });
  for (std::int64_t begin = 0; begin < rows; begin += block_rows) {
    const std::int64_t end = std::min(rows, begin + block_rows);
    std::int64_t j = 0;
    for (; j + most * lanes <= width; j += most * lanes) {
      Vec block[most];
      repeat<most>([&](auto v) { block[v] = R::identity(); });
      for (std::int64_t row = begin; row < end; ++row)
        repeat<most>([&](auto v) {
          block[v] = R::combine(block[v], R::term(load(x + row * width + j + v * lanes)));
        });
      repeat<most>([&](auto v) {
        float* at = y + j + v * lanes;
        store(at, R::combine(load(at), block[v]));
      });
    }
    for_vectors(width - j, tail, [&](std::int64_t i, const auto& access) {
      Vec block = R::identity();
      for (std::int64_t row = begin; row < end; ++row)
        block = R::combine(block, R::term(access.load(x + row * width + j + i)));
      access.store(y + j + i, R::combine(access.load(y + j + i), block));
    });
  }
}

template <int by>
Vec rotated(Vec v) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, ((I + by) % lanes)...);
  }
  (std::make_integer_sequence<int, lanes>{});
}

/// All lanes combined, in each lane.
template <typename R, int width = lanes / 2>
Vec across(Vec v) {
  if constexpr (width == 0)
    return v;
  else
    return across<R, width / 2>(R::combine(v, rotated<width>(v)));
}

/// The terms of x[0..count), combined, in each lane.
template <typename R>
Vec reduce_run(const float* x, std::int64_t count) {
  constexpr std::int64_t block = 128 * lanes;
  constexpr int most = 4;
  Vec total = R::identity();
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t end = std::min(count, begin + block);
    Vec sums[most];
    repeat<most>([&](auto v) { sums[v] = R::identity(); });
    std::int64_t i = begin;
    for (; i + most * lanes <= end; i += most * lanes)
      repeat<most>(
          [&](auto v) { sums[v] = R::combine(sums[v], R::term(load(x + i + v * lanes))); });
    for (; i + lanes <= end; i += lanes) sums[0] = R::combine(sums[0], R::term(load(x + i)));
    if (i < end) {
      float rest[lanes];
      store(rest, R::identity());
      std::copy(x + i, x + end, rest);
      sums[1] = R::combine(sums[1], R::term(load(rest)));
    }
    total =
        R::combine(total, R::combine(R::combine(sums[0], sums[1]), R::combine(sums[2], sums[3])));
  }
  return across<R>(total);
}

template <typename R>
void reduce_rows(const float* x, std::int64_t rows, std::int64_t width, float* y) {
  if (width == 1)
    *y = reduce_run<R>(x, rows)[0];
  else
    reduce_columns<R>(x, rows, width, y);
}

/// How a pass goes. Several rows side by side are a wide row, so that narrow ones fill whole
/// vectors; the wide rows are cut into groups for different threads.
struct Pass {
  ReducePass size;
  std::int64_t together;   ///< rows in a wide row
  std::int64_t wide_rows;  ///< for each of `outer`; a few rows may be left over
  std::int64_t groups, chunks;
  std::int64_t result, partials;  ///< where in the workspace, in floats

  std::int64_t width() const { return together * size.inner; }
  std::int64_t slots(int threads) const { return groups > 1 ? size.outer * groups : threads; }
};

std::int64_t rows_together(std::int64_t columns) {
  constexpr std::int64_t enough = 4 * lanes;
  if (columns >= enough || columns <= 1) return 1;
  const std::int64_t whole = lanes / std::gcd(columns, std::int64_t{lanes});
  return whole * ((enough + whole * columns - 1) / (whole * columns));
}

Pass plan_pass(const ReducePass& size) {
  Pass pass{size, rows_together(size.inner), 0, 1, 1, 0, 0};
  pass.wide_rows = size.reduce / pass.together;
  const double each = 0.1 * static_cast<double>(pass.width());
  if (size.outer > 0 && size.outer < 16)
    pass.groups = std::max<std::int64_t>(1, chunk_count(pass.wide_rows, each) / size.outer);
  const double of_one =
      each * static_cast<double>(pass.wide_rows) / static_cast<double>(pass.groups);
  pass.chunks = chunk_count(size.outer * pass.groups, 10 + of_one);
  return pass;
}

/// Rows of `inner` numbers each, combined into y.
template <typename R>
void combine_rows(const float* x, std::int64_t rows, std::int64_t inner, float* y) {
  const Tail tail(inner % lanes);
  for (std::int64_t row = 0; row < rows; ++row)
    for_vectors(inner, tail, [&](std::int64_t j, const auto& access) {
      access.store(y + j,
                   R::combine(access.load(y + j), R::term(access.load(x + row * inner + j))));
    });
}

/// y [inner] of one of `outer`, from what its groups left and the rows that are left over.
template <typename R>
void finish_one(const Pass& pass, const float* partials, const float* x, float* y, const float* n) {
  const std::int64_t inner = pass.size.inner, done = pass.wide_rows * pass.together;
  const Tail tail(inner % lanes);
  for_vectors(inner, tail,
              [&](std::int64_t j, const auto& access) { access.store(y + j, R::identity()); });
  combine_rows<Combined<R>>(partials, pass.groups * pass.together, inner, y);
  combine_rows<R>(x + done * inner, pass.size.reduce - done, inner, y);
  if (n)
    for_vectors(inner, tail, [&](std::int64_t j, const auto& access) {
      access.store(y + j, R::finish(access.load(y + j), *n));
    });
}

/// `n` is the number of terms in the last pass, whose results are finished; else nullptr.
template <typename R>
void run_pass(const Pass& pass, const StepContext& context, const float* x, float* y,
              const float* n) {
  const std::int64_t slice = pass.size.reduce * pass.size.inner, width = pass.width();
  float* partials = context.floats() + pass.partials;
  context.pool.for_each(pass.chunks, [&](std::int64_t chunk, int thread) {
    const Range range = chunk_range(pass.size.outer * pass.groups, pass.chunks, chunk);
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      const std::int64_t outer = i / pass.groups;
      const Range rows = chunk_range(pass.wide_rows, pass.groups, i % pass.groups);
      const float* from = x + outer * slice;
      if (width == 1 && pass.groups == 1) {
        const Vec all = reduce_run<R>(from, slice);
        y[outer] = (n ? R::finish(all, *n) : all)[0];
        continue;
      }
      float* partial = partials + (pass.groups > 1 ? i : thread) * width;
      reduce_rows<R>(from + rows.begin * width, rows.end - rows.begin, width, partial);
      if (pass.groups == 1) finish_one<R>(pass, partial, from, y + outer * pass.size.inner, n);
    }
  });
  if (pass.groups > 1)
    for (std::int64_t outer = 0; outer < pass.size.outer; ++outer)
      finish_one<R>(pass, partials + outer * pass.groups * width, x + outer * slice,
                    y + outer * pass.size.inner, n);
}

template <typename R>
Step prepare(const NodeContext& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  std::vector<Pass> passes;
  std::int64_t floats = 0;
  const Shape& shape = node.input_spec(0).shape;
  double terms = 1;
  for (const ReducePass& size : reduce_passes(shape, node.attributes().integers("axes"))) {
    passes.push_back(plan_pass(size));
    Pass& pass = passes.back();
    pass.result = floats;
    pass.partials = floats + size.outer * size.inner;
    floats = pass.partials + pass.slots(node.threads()) * pass.width();
    terms *= static_cast<double>(size.reduce);
  }
  const auto n = static_cast<float>(terms);
  const auto run = [=, passes = std::move(passes)](const StepContext& context) {
    const float* from = x;
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const bool last = i + 1 == passes.size();
      float* to = last ? y : context.floats() + passes[i].result;
      const float* terms_of_last = last ? &n : nullptr;
      if (i == 0)
        run_pass<R>(passes[i], context, from, to, terms_of_last);
      else
        run_pass<Combined<R>>(passes[i], context, from, to, terms_of_last);
      from = to;
    }
  };
  return {run, static_cast<std::size_t>(floats) * sizeof(float)};
}

/// Whether `a` goes before `b`, which stands first.
template <bool largest>
bool better(float a, float b) {
  if (std::isnan(b)) return false;
  return std::isnan(a) || (largest ? a > b : a < b);
}

template <bool largest>
Step prepare_place(const NodeContext& node) {
  const float* x = node.input(0);
  auto* y = node.output<std::int32_t>(0);
  const auto axis = static_cast<std::size_t>(node.attributes().integers("axes").front());
  const Shape& shape = node.input_spec(0).shape;
  const auto middle = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const ReducePass size{element_count(Shape(shape.begin(), middle)), *middle,
                        element_count(Shape(middle + 1, shape.end()))};
  const std::int64_t slice = size.reduce * size.inner;
  const std::int64_t chunks = chunk_count(size.outer, static_cast<double>(slice));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(size.outer, chunks, chunk);
      for (std::int64_t outer = range.begin; outer < range.end; ++outer) {
        const float* from = x + outer * slice;
        std::int32_t* to = y + outer * size.inner;
        std::fill_n(to, size.inner, 0);
        for (std::int64_t row = 1; row < size.reduce; ++row)
          for (std::int64_t j = 0; j < size.inner; ++j)
            if (better<largest>(from[row * size.inner + j], from[to[j] * size.inner + j]))
              to[j] = static_cast<std::int32_t>(row);
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> reduce_lowerings() {
  std::vector<Lowering> list = {{"argmax", {{"naive", nullptr, prepare_place<true>}}},
                                {"argmin", {{"naive", nullptr, prepare_place<false>}}}};
#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH) \
  list.push_back({#NAME, {{"passes", nullptr, prepare<NAME##_row>}}});
#include "cl_kernels/reductions.h"
#undef REDUCTION
  return list;
}

}  // namespace TESSERA_CPU_NAMESPACE
