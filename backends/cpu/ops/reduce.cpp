// Reductions over any axes, made for every row of the table of engine/formulas/reductions.h; argmax
// and argmin. Runs of neighboring axes are reduced one after the other. Long sums are made of the
// sums of blocks: rounding errors stay small.
#include "engine/ops/reduce.h"

#include <cmath>

#include "backends/cpu/ops/reduce_rows.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

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
Step lower(const BoundNode& node) {
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
Step lower_place(const BoundNode& node) {
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

std::vector<OpAlgorithms> reduce_algorithms() {
  std::vector<OpAlgorithms> list = {{"argmax", {{"naive", nullptr, lower_place<true>}}},
                                    {"argmin", {{"naive", nullptr, lower_place<false>}}}};
#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH) \
  list.push_back({#NAME, {{"passes", nullptr, lower<NAME##_row>}}});
#include "engine/formulas/reductions.h"
#undef REDUCTION
  return list;
}

}  // namespace TESSERA_CPU_NAMESPACE
