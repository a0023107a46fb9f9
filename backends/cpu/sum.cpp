// sum(x) over any axes. The common case, all leading axes as in the gradient of a bias, adds rows;
// every other case adds element by element in double precision.
#include <numeric>

#include "backends/cpu/simd.h"
#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// x as [rows, columns] when the axes that matter are the leading ones; rows = 0 otherwise.
struct Leading {
  std::int64_t rows = 0, columns = 1;
};

Leading leading(const NodeContext& node) {
  const Shape& x = node.input_spec(0).shape;
  const Shape& y = node.output_spec(0).shape;
  Leading result{1, 1};
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    if (y[axis] == x[axis]) {
      result.columns *= x[axis];
    } else {
      if (result.columns != 1) return {};
      result.rows *= x[axis];
    }
  }
  return result;
}

std::string refuse_rows(const NodeContext& node) {
  const Leading shape = leading(node);
  return shape.rows > 0 && shape.columns > 0 ? "" : "the axes are not the leading ones";
}

/// Several rows side by side are a wide row, so that narrow ones fill whole vectors too.
struct WideRows {
  std::int64_t together;  ///< rows in a wide row
  std::int64_t width;     ///< floats of a wide row
};

WideRows wide_rows(std::int64_t columns) {
  constexpr std::int64_t enough = 4 * lanes;
  if (columns >= enough) return {1, columns};
  const std::int64_t whole = lanes / std::gcd(columns, std::int64_t{lanes});
  const std::int64_t together = whole * ((enough + whole * columns - 1) / (whole * columns));
  return {together, together * columns};
}

/// sum[j] = sum over rows of x[row,j]. Blocks of rows are summed first: the rounding errors of long
/// sums stay small.
void sum_rows(const float* x, std::int64_t rows, std::int64_t width, float* sum) {
  constexpr std::int64_t block_rows = 128;
  constexpr int most = 4;
  std::fill_n(sum, width, 0.0f);
  const Tail tail(width % lanes);
  for (std::int64_t begin = 0; begin < rows; begin += block_rows) {
    const std::int64_t end = std::min(rows, begin + block_rows);
    std::int64_t j = 0;
    for (; j + most * lanes <= width; j += most * lanes) {
      Vec block[most] = {};
      for (std::int64_t row = begin; row < end; ++row)
        repeat<most>([&](auto v) { block[v] += load(x + row * width + j + v * lanes); });
      repeat<most>([&](auto v) {
        float* at = sum + j + v * lanes;
        store(at, load(at) + block[v]);
      });
    }
    for_vectors(width - j, tail, [&](std::int64_t i, const auto& access) {
      Vec block{};
      for (std::int64_t row = begin; row < end; ++row)
        block += access.load(x + row * width + j + i);
      access.store(sum + j + i, access.load(sum + j + i) + block);
    });
  }
}

void add_to(float* y, const float* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

/// Groups of wide rows are summed by different threads, then the sums of the groups by one.
Step prepare_rows(const NodeContext& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  const auto [rows, columns] = leading(node);
  const WideRows wide = wide_rows(columns);
  const std::int64_t wide_count = rows / wide.together;
  const std::int64_t groups = chunk_count(wide_count, 0.1 * static_cast<double>(wide.width));
  const auto run = [=, rows = rows, columns = columns](const StepContext& context) {
    float* sums = context.floats();
    context.pool.for_each(groups, [=](std::int64_t group, int) {
      const Range range = chunk_range(wide_count, groups, group);
      sum_rows(x + range.begin * wide.width, range.end - range.begin, wide.width,
               sums + group * wide.width);
    });
    std::fill_n(y, columns, 0.0f);
    for (std::int64_t row = 0; row < groups * wide.together; ++row)
      add_to(y, sums + row * columns, columns);
    for (std::int64_t row = wide_count * wide.together; row < rows; ++row)
      add_to(y, x + row * columns, columns);
  };
  return {run, static_cast<std::size_t>(groups * wide.width) * sizeof(float)};
}

/// Element by element: for each element of y, all those of x that fall on it.
struct Walk {
  std::vector<std::int64_t> kept_sizes, kept_steps, reduced_sizes, reduced_steps;
};

std::int64_t offset_of(std::int64_t index, const std::vector<std::int64_t>& sizes,
                       const std::vector<std::int64_t>& steps) {
  std::int64_t offset = 0;
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    offset += index % sizes[axis] * steps[axis];
    index /= sizes[axis];
  }
  return offset;
}

Step prepare_naive(const NodeContext& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  const Shape& shape = node.input_spec(0).shape;
  Walk walk;
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const bool reduced = node.output_spec(0).shape[axis] != shape[axis];
    auto& sizes = reduced ? walk.reduced_sizes : walk.kept_sizes;
    auto& steps = reduced ? walk.reduced_steps : walk.kept_steps;
    sizes.insert(sizes.begin(), shape[axis]);
    steps.insert(steps.begin(), step);
    step *= shape[axis];
  }
  const std::int64_t outputs = node.output_spec(0).elements();
  const std::int64_t terms = element_count(walk.reduced_sizes);
  const std::int64_t chunks = chunk_count(outputs, 3 * static_cast<double>(terms));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(outputs, chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const float* first = x + offset_of(i, walk.kept_sizes, walk.kept_steps);
        double sum = 0;
        for (std::int64_t j = 0; j < terms; ++j)
          sum += first[offset_of(j, walk.reduced_sizes, walk.reduced_steps)];
        y[i] = static_cast<float>(sum);
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> sum_lowerings() {
  return {{"sum", {{"rows", refuse_rows, prepare_rows}, {"naive", nullptr, prepare_naive}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
