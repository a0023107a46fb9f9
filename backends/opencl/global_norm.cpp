// The norm of many tensors, and the ratio of norms that LARS takes.
#include <algorithm>

#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

std::int64_t piece_count(const Lowering& l, const TensorSpec& spec) {
  constexpr std::int64_t vectors_of_a_piece = 64;
  const std::int64_t most = std::int64_t{l.traits().compute_units} * (l.traits().is_cpu ? 4 : 256);
  return std::clamp<std::int64_t>(spec.elements() / (l.width() * vectors_of_a_piece), 1, most);
}

void lower_norm(Lowering& l) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < l.input_count(); ++i) count += piece_count(l, l.input_spec(i));
  const cl::Buffer sums = l.workspace(static_cast<std::size_t>(count) * sizeof(float));
  std::int64_t first = 0;
  for (std::size_t i = 0; i < l.input_count(); ++i) {
    const std::int64_t pieces = piece_count(l, l.input_spec(i));
    l.launch_items("global_norm.cl", l.defines(), "square_sums", pieces, 1, l.input(i), sums,
                   l.to_int(first), l.elements(l.input_spec(i)));
    first += pieces;
  }
  const Range one_group = {{l.traits().work_group, 1, 1}, {l.traits().work_group, 1, 1}};
  l.launch("global_norm.cl", l.defines(), "norm_of_sums", one_group, sums, l.output(0),
           l.to_int(count));
}

void lower_trust_ratio(Lowering& l) {
  const Range one = {{1, 1, 1}, {l.traits().work_group, 1, 1}};
  l.launch("global_norm.cl", l.defines(), "trust_ratio", one, l.input(0), l.input(1), l.output(0),
           static_cast<cl_float>(l.attributes().number("coefficient")),
           static_cast<cl_float>(l.attributes().number("weight_decay")));
}

}  // namespace

std::vector<OpLowering> global_norm_lowerings() {
  return {{"global_norm", {{"pieces", never_refuses, lower_norm}}},
          {"trust_ratio", {{"single", never_refuses, lower_trust_ratio}}}};
}

}  // namespace tessera::opencl
