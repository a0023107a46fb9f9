// Chains of element-wise ops: a program for each chain, whose steps are written into a macro.
#include "engine/ops/chain.h"

#include <cmath>
#include <tuple>

#include "backends/opencl/ops/reduce.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/chain_params.h"

std::string literal(double number) {
  if (std::isfinite(number)) return fmt::format("{:#.9g}f", number);
  return std::isnan(number) ? "NAN" : number < 0 ? "-INFINITY" : "INFINITY";
}

/// "row_add_y(x0,t0,x0,0.0f,0.0f)": operands by variable (x0 where the formula reads none) and
/// attributes.
std::string call(const ChainStep& step) {
  std::string text = fmt::format("row_{}_{}(", step.formula->row, step.formula->part);
  std::size_t next = 0;
  for (std::size_t k = 0; k < step.formula->variables.size(); ++k) {
    if (!step.formula->reads(k)) {
      text += "x0,";
      continue;
    }
    const ChainStep::Operand operand = step.operands[next++];
    text += fmt::format("{}{},", operand.is_step ? 't' : 'x', operand.index);
  }
  return text + literal(step.numbers[0]) + "," + literal(step.numbers[1]) + ")";
}

/// Without blanks, which would end a compiler's option.
std::string program_of(const Chain& chain) {
  std::string text;
  for (std::size_t i = 0; i < chain.steps.size(); ++i)
    text += fmt::format("STEP(t{},{})", i, call(chain.steps[i]));
  return text;
}

/// The inputs of a node, as the kernels want them.
struct Inputs {
  std::array<cl::Buffer, most_chain_inputs> buffers;
  cl::Buffer table;
};

Inputs inputs_of(LaunchBuilder& l, const ChainGeometry& geometry) {
  Inputs inputs;
  std::vector<std::int32_t> table(3 * most_chain_inputs, 0);
  for (std::size_t i = 0; i < most_chain_inputs; ++i) {
    const bool is_input = i < l.input_count();
    inputs.buffers[i] = is_input ? l.input(i) : l.unused();
    if (!is_input) continue;
    const ChainGeometry::Steps& steps = geometry.steps[i];
    table[3 * i] = l.to_int(steps.outer);
    table[3 * i + 1] = l.to_int(steps.middle);
    table[3 * i + 2] = l.to_int(steps.inner);
  }
  inputs.table = l.table(table);
  return inputs;
}

template <class... Arguments>
void launch(LaunchBuilder& l, const Defines& defines, const Inputs& inputs, std::int64_t items,
            std::int64_t at_least, const Arguments&... arguments) {
  const auto& x = inputs.buffers;
  l.launch_items("chain.cl", defines, "chain", items, at_least, x[0], x[1], x[2], x[3], x[4], x[5],
                 inputs.table, arguments...);
}

void lower(LaunchBuilder& l) {
  using Reduces = ChainGeometry::Reduces;
  const Chain chain = to_chain(l.attributes());
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < l.input_count(); ++i) shapes.push_back(l.input_spec(i).shape);
  const ChainGeometry geometry = chain_geometry(shapes, chain.axes).value();
  l.to_int(geometry.elements());
  const auto [outer, middle, inner] = std::tie(geometry.outer, geometry.middle, geometry.inner);
  Defines defines = l.defines()
                        .set("PROGRAM", program_of(chain))
                        .set("RESULT", fmt::format("t{}", chain.steps.size() - 1))
                        .set("REDUCES", static_cast<int>(geometry.reduces));
  const Inputs inputs = inputs_of(l, geometry);
  const std::int64_t vectors = ceil_div(inner, l.width());
  ChainParams params = {.middle = l.to_int(middle),
                        .inner = l.to_int(inner),
                        .parts = 1,
                        .length = 0,
                        .last = 1,
                        .n = 0};
  if (geometry.reduces == Reduces::nothing) {
    launch(l, defines, inputs, outer * middle * vectors, 64, l.output(0), params);
    return;
  }
  const bool of_columns = geometry.reduces == Reduces::middle;
  const std::int64_t columns = l.traits().is_cpu ? 4 : 1;  // vectors side by side
  ReducePass pass =
      of_columns ? ReducePass{outer, middle, inner} : ReducePass{outer * middle, inner, 1};
  const std::int64_t pieces = piece_count(l, pass);
  const std::int64_t length = (pass.reduce + pieces - 1) / pieces;
  params.parts = l.to_int(pieces);
  params.length = l.to_int(length);
  params.last = pieces == 1;
  params.n = static_cast<cl_float>(pass.reduce);
  const cl::Buffer y =
      pieces == 1 ? l.output(0) : l.workspace(float_bytes(pass.outer * pieces * pass.inner));
  defines.set("COLUMNS", columns).set("ROW", fmt::format("row_{}", chain.reduction));
  launch(l, defines, inputs, pass.outer * pieces * (of_columns ? ceil_div(vectors, columns) : 1), 1,
         y, params);
  if (pieces == 1) return;
  pass.reduce = pieces;
  launch_pieces(l, chain.reduction, pass, 1, {false, true, params.n}, y, l.output(0));
}

}  // namespace

std::vector<OpAlgorithms> chain_algorithms() {
  return {{"chain", {long_offsets({"vectors", nullptr, lower})}}};
}

}  // namespace tessera::opencl
