// Element-wise ops: a program for each row of the table of formulas that is used.
#include <array>

#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/formulas.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/pointwise_params.h"

using formulas::Formula;

/// The buffers of the three variables.
std::array<cl::Buffer, 3> variables(LaunchBuilder& l, const Formula& formula) {
  std::array<cl::Buffer, 3> buffers;
  std::size_t input = 0;
  for (std::size_t k = 0; k < 3; ++k) buffers[k] = formula.reads(k) ? l.input(input++) : l.unused();
  return buffers;
}

Defines defines_of(const DeviceNode& l, const Formula& formula) {
  bool gradients = false;
  int arity = 1;
  for (const Formula* other : formulas::all()) {
    if (other->row != formula.row) continue;
    if (other->part == "y") arity = static_cast<int>(other->input_count());
    gradients |= other->part != "y" && !other->is_trivial();
  }
  return l.defines()
      .set("ROW", fmt::format("row_{}", formula.row))
      .set("ARITY", arity)
      .set("GRADIENTS", int{gradients});
}

void lower(LaunchBuilder& l) {
  const Formula& formula = *formulas::find(l.node().op->name);
  const auto [a, b, c] = variables(l, formula);
  const auto attribute = [&](std::size_t i) {
    return formula.has_attribute(i)
               ? static_cast<cl_float>(l.attributes().number(formula.attributes[i]))
               : 0.0f;
  };
  const Defines defines = defines_of(l, formula);
  const std::string kernel(formula.part);
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < l.input_count(); ++i) shapes.push_back(l.input_spec(i).shape);
  const auto dimensions = broadcast_dimensions(shapes, l.output_spec(0).shape);
  std::vector<std::int32_t> table;  // per dimension: size, steps of the three variables
  std::int64_t rows = 1;
  for (const BroadcastDimension& dimension : dimensions) {
    table.push_back(l.to_int(dimension.size));
    std::size_t input = 0;
    for (std::size_t k = 0; k < 3; ++k)
      table.push_back(formula.reads(k) ? l.to_int(dimension.steps[input++]) : 0);
    rows *= dimension.size;
  }
  const std::int64_t inner = dimensions.back().size;
  if (dimensions.size() == 1) {
    l.launch_items("pointwise.cl", defines, kernel, (inner + l.width() - 1) / l.width(), 64, a, b,
                   c, l.output(0),
                   PointwiseParams{.p = attribute(0),
                                   .q = attribute(1),
                                   .u_step = table[1],
                                   .v_step = table[2],
                                   .w_step = table[3],
                                   .elements = l.to_int(inner)});
    return;
  }
  if (inner > 0) rows /= inner;
  l.launch_items("pointwise.cl", defines, kernel + "_broadcast",
                 rows * ((inner + l.width() - 1) / l.width()), 64, a, b, c, l.output(0),
                 l.table(table),
                 BroadcastParams{.p = attribute(0),
                                 .q = attribute(1),
                                 .rank = l.to_int(static_cast<std::int64_t>(dimensions.size()))});
}

}  // namespace

std::vector<OpAlgorithms> pointwise_algorithms() {
  std::vector<OpAlgorithms> list;
  for (const Formula* formula : formulas::all())
    if (!formula->is_trivial())
      list.push_back({formula->op, {long_offsets({"vectors", nullptr, lower})}});
  return list;
}

}  // namespace tessera::opencl
