// Pure data movements, each input with one launch of a strided copy.
#include "engine/ops/rearrange.h"

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/rearrange_params.h"

void launch_copy(LaunchBuilder& l, std::size_t input, const StridedCopy& copy) {
  std::vector<std::int32_t> table;
  for (std::size_t i = 0; i + 1 < copy.axes.size(); ++i) {
    const CopyAxis& axis = copy.axes[i];
    for (std::int64_t value :
         {axis.size, axis.begin, axis.end - axis.begin, axis.stride, axis.every, axis.y_stride})
      table.push_back(l.to_int(value));
  }
  const CopyAxis& inner = copy.axes.back();
  const std::int64_t segment = l.traits().is_cpu ? 256 : l.width();
  const std::int64_t items = copy.rows() * ((inner.size + segment - 1) / segment);
  const bool words = size_of(l.output_spec(0).dtype) == 4;
  l.launch_items("rearrange.cl", l.defines(), words ? "rearrange_words" : "rearrange_bytes", items,
                 4, l.input(input), l.output(0), l.table(table),
                 RearrangeParams{.rank = l.to_int(static_cast<std::int64_t>(copy.axes.size()) - 1),
                                 .x_start = l.to_int(copy.x_start),
                                 .y_start = l.to_int(copy.y_start),
                                 .inner = l.to_int(inner.size),
                                 .begin = l.to_int(inner.begin),
                                 .extent = l.to_int(inner.end - inner.begin),
                                 .stride = l.to_int(inner.stride),
                                 .every = l.to_int(inner.every),
                                 .segment = l.to_int(segment),
                                 .fill = fill_bits(l.output_spec(0).dtype, l.attributes())});
}

void lower(LaunchBuilder& l) {
  std::vector<TensorSpec> inputs;
  for (std::size_t i = 0; i < l.input_count(); ++i) inputs.push_back(l.input_spec(i));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    launch_copy(l, i,
                rearrangement(l.node().op->name, inputs, i, l.output_spec(0), l.attributes()));
}

}  // namespace

std::vector<OpAlgorithms> rearrange_algorithms() {
  const std::vector<Algorithm> copy = {long_offsets({"copy", nullptr, lower})};
  return {{"permute", copy}, {"flip", copy},   {"slice", copy}, {"slice_dx", copy},
          {"pad", copy},     {"expand", copy}, {"concat", copy}};
}

}  // namespace tessera::opencl
