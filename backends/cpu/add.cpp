// add(a, b) with broadcasting: the same shape in one loop, other shapes row by row.
#include <array>

#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

constexpr std::int64_t floats_per_line = 16;

std::string refuse_same_shape(const NodeContext& node) {
  if (node.input_spec(0).shape == node.input_spec(1).shape) return {};
  return to_string(node.input_spec(0)) + " and " + to_string(node.input_spec(1)) + " differ";
}

Step prepare_same_shape(const NodeContext& node) {
  const float* a = node.input(0);
  const float* b = node.input(1);
  float* y = node.output(0);
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.15);
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, floats_per_line);
      for (std::int64_t i = range.begin; i < range.end; ++i) y[i] = a[i] + b[i];
    });
  }};
}

/// The elements of an operand between neighbours along each dimension of `y`; 0 where repeated.
std::vector<std::int64_t> steps_of(const Shape& operand, const Shape& y) {
  std::vector<std::int64_t> steps(y.size(), 0);
  std::int64_t step = 1;
  for (std::size_t i = 1; i <= operand.size(); ++i) {
    const std::int64_t size = operand[operand.size() - i];
    if (size != 1) steps[y.size() - i] = step;
    step *= size;
  }
  return steps;
}

/// The element of an operand with which row `row` of y begins.
std::int64_t row_start(std::int64_t row, const Shape& y, const std::vector<std::int64_t>& steps) {
  std::int64_t start = 0;
  for (std::size_t axis = y.size() - 1; axis-- > 0;) {
    start += row % y[axis] * steps[axis];
    row /= y[axis];
  }
  return start;
}

void add_row(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step, float* y,
             std::int64_t columns) {
  if (a_step == 1 && b_step == 1)
    for (std::int64_t i = 0; i < columns; ++i) y[i] = a[i] + b[i];
  else if (a_step == 1)
    for (std::int64_t i = 0; i < columns; ++i) y[i] = a[i] + *b;
  else
    for (std::int64_t i = 0; i < columns; ++i) y[i] = *a + b[i * b_step];
}

Step prepare_rows(const NodeContext& node) {
  const float* a = node.input(0);
  const float* b = node.input(1);
  float* y = node.output(0);
  Shape shape = node.output_spec(0).shape;
  if (shape.empty()) shape = {1};
  const auto a_steps = steps_of(node.input_spec(0).shape, shape);
  const auto b_steps = steps_of(node.input_spec(1).shape, shape);
  const std::int64_t columns = shape.back();
  const std::int64_t rows = columns == 0 ? 0 : element_count(shape) / columns;
  const std::int64_t chunks = chunk_count(rows, 20 + 0.2 * static_cast<double>(columns));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        add_row(a + row_start(row, shape, a_steps), a_steps.back(),
                b + row_start(row, shape, b_steps), b_steps.back(), y + row * columns, columns);
    });
  }};
}

}  // namespace

std::vector<Lowering> add_lowerings() {
  return {
      {"add",
       {{"same_shape", refuse_same_shape, prepare_same_shape}, {"rows", nullptr, prepare_rows}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
