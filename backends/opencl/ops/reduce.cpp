// Reductions: a program for each row of the table that is used. Runs of neighboring axes are
// reduced one after the other. Long ones are cut into pieces that a second launch combines, always
// in the same order.
#include "backends/opencl/ops/reduce.h"

#include <algorithm>

namespace tessera::opencl {

#include "cl_kernels/params/reduce_params.h"

std::int64_t piece_count(const DeviceNode& l, const ReducePass& pass) {
  // Rows of a piece. On a CPU fewer would take less time than the launch that combines them.
  const std::int64_t shortest = l.traits().is_cpu ? 4096 : 64;
  const std::int64_t items =
      std::max<std::int64_t>(1, pass.outer * ((pass.inner + l.width() - 1) / l.width()));
  const std::int64_t wanted =
      std::int64_t{l.traits().compute_units} * (l.traits().is_cpu ? 4 : 256);
  const std::int64_t most = std::max<std::int64_t>(1, pass.reduce / shortest);
  const std::int64_t pieces = std::clamp<std::int64_t>((wanted + items - 1) / items, 1, most);
  const std::int64_t length = std::max<std::int64_t>(1, (pass.reduce + pieces - 1) / pieces);
  return std::max<std::int64_t>(1, (pass.reduce + length - 1) / length);  // none is empty
}

void launch_pieces(LaunchBuilder& l, std::string_view reduction, const ReducePass& pass,
                   std::int64_t pieces, const ReducePlace& place, const cl::Buffer& x,
                   const cl::Buffer& y) {
  const std::int64_t length = (pass.reduce + pieces - 1) / pieces;
  const Defines defines = l.defines().set("ROW", fmt::format("row_{}", reduction));
  const std::int64_t elements = pass.outer * pass.reduce * pass.inner;
  const ReduceParams params = {.reduce = l.to_int(pass.reduce),
                               .inner = l.to_int(pass.inner),
                               .parts = l.to_int(pieces),
                               .length = l.to_int(length),
                               .elements = pass.inner == 1 ? 0 : l.to_int(elements),
                               .first = place.first,
                               .last = place.last,
                               .n = static_cast<cl_float>(place.terms)};
  if (pass.inner == 1) {
    l.launch_items("reduce.cl", defines, "reduce_rows", pass.outer * pieces, 1, x, y, params);
    return;
  }
  const std::int64_t vectors = (pass.inner + l.width() - 1) / l.width();
  l.launch_items("reduce.cl", defines, "reduce_columns", pass.outer * pieces * vectors, 1, x, y,
                 params);
}

namespace {

void lower(LaunchBuilder& l) {
  const std::string_view op = l.node().op->name;
  const auto passes = reduce_passes(l.input_spec(0).shape, l.attributes().integers("axes"));
  ReducePlace place{true, false, 1};
  for (const ReducePass& pass : passes) place.terms *= static_cast<double>(pass.reduce);
  cl::Buffer x = l.input(0);
  const auto workspace = [&](std::int64_t floats) {
    return l.workspace(static_cast<std::size_t>(floats) * sizeof(float));
  };
  for (std::size_t i = 0; i < passes.size(); ++i) {
    ReducePass pass = passes[i];
    const std::int64_t pieces = piece_count(l, pass);
    if (pieces > 1) {
      const cl::Buffer partial = workspace(pass.outer * pieces * pass.inner);
      launch_pieces(l, op, pass, pieces, place, x, partial);
      x = partial;
      pass.reduce = pieces;
      place.first = false;
    }
    place.last = i + 1 == passes.size();
    const cl::Buffer y = place.last ? l.output(0) : workspace(pass.outer * pass.inner);
    launch_pieces(l, op, pass, 1, place, x, y);
    x = y;
    place.first = false;
  }
}

void lower_place(LaunchBuilder& l) {
  const Shape& x = l.input_spec(0).shape;
  const std::int64_t axis = l.attributes().integers("axes").front();
  const std::int64_t inner = element_count(Shape(x.begin() + axis + 1, x.end()));
  const float sign = l.node().op->name == "argmax" ? 1.0f : -1.0f;
  l.launch_items(
      "reduce.cl", l.defines().set("ROW", "row_sum"), "reduce_place", l.output_spec(0).elements(),
      16, l.input(0), l.output(0),
      ReducePlaceParams{
          .reduce = l.to_int(l.input_spec(0).dim(axis)), .inner = l.to_int(inner), .sign = sign});
}

}  // namespace

std::vector<OpAlgorithms> reduce_algorithms() {
  std::vector<OpAlgorithms> list = {{"argmax", {long_offsets({"naive", nullptr, lower_place})}},
                                    {"argmin", {long_offsets({"naive", nullptr, lower_place})}}};
#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH) \
  list.push_back({#NAME, {{"pieces", nullptr, lower}}});
#include "engine/formulas/reductions.h"
#undef REDUCTION
  return list;
}

}  // namespace tessera::opencl
