// Element-wise ops: one loop, made for every formula of the table.
#include "backends/cpu/ops/pointwise.h"

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/vector_math.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/formulas.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

constexpr std::int64_t floats_per_line = 16;

// A formula as a function of its three variables and two attributes.
#define EXPRESSION(FORMULA, A, B, C, P, Q, VALUE)                                             \
  struct FORMULA {                                                                            \
    static constexpr const formulas::Formula& formula = formulas::FORMULA;                    \
    [[gnu::always_inline]] static Vec value([[maybe_unused]] Vec A, [[maybe_unused]] Vec B,   \
                                            [[maybe_unused]] Vec C, [[maybe_unused]] float P, \
                                            [[maybe_unused]] float Q) {                       \
      return splat(VALUE);                                                                    \
    }                                                                                         \
  };
#define UNARY(NAME, P, Q, Y, DX)               \
  EXPRESSION(NAME##_y, x, no_b, no_c, P, Q, Y) \
  EXPRESSION(NAME##_dx, x, y, dy, P, Q, DX)
#define BINARY(NAME, Y, DA, DB)                   \
  EXPRESSION(NAME##_y, a, b, no_c, no_p, no_q, Y) \
  EXPRESSION(NAME##_da, a, b, dy, no_p, no_q, DA) \
  EXPRESSION(NAME##_db, a, b, dy, no_p, no_q, DB)
#define TERNARY(NAME, Y) EXPRESSION(NAME##_y, a, b, c, no_p, no_q, Y)
#include "engine/formulas/elementwise.h"
#undef UNARY
#undef BINARY
#undef TERNARY

template <typename F, bool contiguous>
[[gnu::always_inline]] inline void compute_row(const Operands& operands, float* y,
                                               std::int64_t count, Parameters parameters) {
  const Tail tail(count % lanes);
  float repeated[3][lanes];
  Operands from = operands;
  if constexpr (!contiguous)
    repeat<3>([&](auto k) {
      if constexpr (F::formula.reads(k))
        if (from.step[k] == 0) {
          store(repeated[k], broadcast(*from.data[k]));
          from.data[k] = repeated[k];
        }
    });
  for_vectors(
      count, tail, [&](std::int64_t i, const auto& access) __attribute__((always_inline)) {
        Vec v[3] = {};
        repeat<3>([&](auto k) __attribute__((always_inline)) {
          if constexpr (F::formula.reads(k))
            v[k] = access.load(from.data[k] + (contiguous ? i : i * from.step[k]));
        });
        access.store(y + i, F::value(v[0], v[1], v[2], parameters.p, parameters.q));
      });
}

template <typename F>
void contiguous_row(const Operands& operands, float* y, std::int64_t count, Parameters parameters) {
  compute_row<F, true>(operands, y, count, parameters);
}

template <typename F>
Operands inputs_of(const BoundNode& node) {
  Operands operands{};
  std::size_t input = 0;
  for (std::size_t k = 0; k < 3; ++k)
    if (F::formula.reads(k)) operands.data[k] = node.input(input++);
  return operands;
}

template <typename F>
Parameters parameters_of(const BoundNode& node) {
  const auto number = [&](std::size_t i) {
    return F::formula.has_attribute(i)
               ? static_cast<float>(node.attributes().number(F::formula.attributes[i]))
               : 0.0f;
  };
  return {number(0), number(1)};
}

std::string refuse_same_shape(const DeviceNode& node) {
  for (std::size_t i = 0; i < node.input_count(); ++i)
    if (node.input_spec(i).shape != node.output_spec(0).shape)
      return to_string(node.input_spec(i)) + " is repeated";
  return {};
}

template <typename F>
Step lower_same_shape(const BoundNode& node) {
  const Operands operands = inputs_of<F>(node);
  const Parameters parameters = parameters_of<F>(node);
  float* y = node.output(0);
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, F::formula.cost_ns());
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, floats_per_line);
      Operands from = operands;
      repeat<3>([&](auto k) {
        if constexpr (F::formula.reads(k)) from.data[k] += range.begin;
      });
      contiguous_row<F>(from, y + range.begin, range.end - range.begin, parameters);
    });
  }};
}

/// The dimensions of y for which operands stand in `step` by variable, not by input.
template <typename F>
std::vector<BroadcastDimension> dimensions_of(const BoundNode& node) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < node.input_count(); ++i) shapes.push_back(node.input_spec(i).shape);
  auto dimensions = broadcast_dimensions(shapes, node.output_spec(0).shape);
  for (BroadcastDimension& dimension : dimensions) {
    std::vector<std::int64_t> steps(3, 0);
    std::size_t input = 0;
    for (std::size_t k = 0; k < 3; ++k)
      if (F::formula.reads(k)) steps[k] = dimension.steps[input++];
    dimension.steps = std::move(steps);
  }
  return dimensions;
}

/// Rows along the last dimension, in pieces when there are few.
template <typename F>
Step lower_rows(const BoundNode& node) {
  Operands operands = inputs_of<F>(node);
  const Parameters parameters = parameters_of<F>(node);
  float* y = node.output(0);
  auto outer = dimensions_of<F>(node);
  const std::int64_t columns = outer.back().size;
  for (std::size_t k = 0; k < 3; ++k) operands.step[k] = outer.back().steps[k];
  outer.pop_back();
  std::int64_t rows = 1;
  for (const BroadcastDimension& dimension : outer) rows *= dimension.size;
  constexpr std::int64_t piece = 1024;
  const std::int64_t pieces = rows < 256 ? (columns + piece - 1) / piece : 1;
  const std::int64_t width = pieces == 1 ? columns : piece;
  const std::int64_t items = rows * pieces;
  const std::int64_t chunks =
      chunk_count(items, 20 + F::formula.cost_ns() * static_cast<double>(width));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(items, chunks, chunk);
      for (std::int64_t item = range.begin; item < range.end; ++item) {
        const std::int64_t row = item / pieces, column = item % pieces * width;
        Operands from = operands;
        for (std::size_t k = 0; k < 3; ++k) from.data[k] += column * from.step[k];
        std::int64_t rest = row;
        for (std::size_t axis = outer.size(); axis-- > 0;) {
          const std::int64_t place = rest % outer[axis].size;
          rest /= outer[axis].size;
          for (std::size_t k = 0; k < 3; ++k) from.data[k] += place * outer[axis].steps[k];
        }
        compute_row<F, false>(from, y + row * columns + column, std::min(width, columns - column),
                              parameters);
      }
    });
  }};
}

template <typename F>
void append(std::vector<OpAlgorithms>& list) {
  if constexpr (F::formula.is_trivial()) return;
  OpAlgorithms op{F::formula.op, {}};
  constexpr bool same = F::formula.input_count() == 1 || F::formula.part == "dx";
  op.algorithms.push_back({"same_shape", same ? nullptr : refuse_same_shape, lower_same_shape<F>});
  if constexpr (!same) op.algorithms.push_back({"rows", nullptr, lower_rows<F>});
  list.push_back(std::move(op));
}

}  // namespace

RowFunction row_function(const formulas::Formula& formula) {
  static constexpr std::pair<const formulas::Formula*, RowFunction> functions[] = {
#define ROW(FORMULA) {&formulas::FORMULA, contiguous_row<FORMULA>},
#define UNARY(NAME, P, Q, Y, DX) ROW(NAME##_y) ROW(NAME##_dx)
#define BINARY(NAME, Y, DA, DB) ROW(NAME##_y) ROW(NAME##_da) ROW(NAME##_db)
#define TERNARY(NAME, Y) ROW(NAME##_y)
#include "engine/formulas/elementwise.h"
#undef ROW
#undef UNARY
#undef BINARY
#undef TERNARY
  };
  // By name: each variant has a table of its own.
  return std::find_if(std::begin(functions), std::end(functions),
                      [&](const auto& row) { return row.first->op == formula.op; })
      ->second;
}

std::vector<OpAlgorithms> pointwise_algorithms() {
  std::vector<OpAlgorithms> list;
#define UNARY(NAME, P, Q, Y, DX) \
  append<NAME##_y>(list);        \
  append<NAME##_dx>(list);
#define BINARY(NAME, Y, DA, DB) \
  append<NAME##_y>(list);       \
  append<NAME##_da>(list);      \
  append<NAME##_db>(list);
#define TERNARY(NAME, Y) append<NAME##_y>(list);
#include "engine/formulas/elementwise.h"
  return list;
}

}  // namespace TESSERA_CPU_NAMESPACE
