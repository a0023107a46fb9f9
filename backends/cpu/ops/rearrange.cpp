// Pure data movements: strided copies, row by row.
#include "engine/ops/rearrange.h"

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// Where a row begins in x and y, and whether it reads x at all.
struct Row {
  std::int64_t from, to;
  bool inside = true;
};

Row row_at(const StridedCopy& copy, std::int64_t index) {
  Row row{copy.x_start, copy.y_start};
  for (std::size_t i = copy.axes.size() - 1; i-- > 0;) {
    const CopyAxis& axis = copy.axes[i];
    const std::int64_t place = index % axis.size;
    index /= axis.size;
    row.inside = row.inside && place >= axis.begin && place < axis.end &&
                 (place - axis.begin) % axis.every == 0;
    row.from += (place - axis.begin) / axis.every * axis.stride;
    row.to += place * axis.y_stride;
  }
  return row;
}

template <typename T>
void copy_row(const CopyAxis& axis, const T* x, T* y, T fill) {
  const std::int64_t begin = std::clamp<std::int64_t>(axis.begin, 0, axis.size);
  const std::int64_t end = std::clamp<std::int64_t>(axis.end, begin, axis.size);
  std::fill(y, y + begin, fill);
  std::fill(y + end, y + axis.size, fill);
  if (axis.every > 1) {
    std::fill(y + begin, y + end, fill);
    for (std::int64_t i = begin; i < end; i += axis.every, x += axis.stride) y[i] = *x;
  } else if (axis.stride == 1) {
    std::copy_n(x, end - begin, y + begin);
  } else {
    for (std::int64_t i = begin; i < end; ++i) y[i] = x[(i - begin) * axis.stride];
  }
}

template <typename T>
Step lower_copies(const BoundNode& node) {
  struct Copy {
    StridedCopy map;
    const T* x;
    std::int64_t rows, chunks;
  };
  std::vector<TensorSpec> inputs;
  for (std::size_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.input_spec(i));
  std::vector<Copy> copies;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Copy copy{rearrangement(node.op_name(), inputs, i, node.output_spec(0), node.attributes()),
              node.input<T>(i), 0, 0};
    const CopyAxis& inner = copy.map.axes.back();
    copy.rows = copy.map.rows();
    const double each = inner.stride == 1 ? 0.1 : 0.5;
    copy.chunks = chunk_count(copy.rows, 10 + each * static_cast<double>(inner.size));
    copies.push_back(std::move(copy));
  }
  T* y = node.output<T>(0);
  const auto fill = static_cast<T>(fill_bits(node.output_spec(0).dtype, node.attributes()));
  return {[copies = std::move(copies), y, fill](const StepContext& context) {
    for (const Copy& copy : copies)
      context.pool.for_each(copy.chunks, [&](std::int64_t chunk, int) {
        const Range range = chunk_range(copy.rows, copy.chunks, chunk);
        const CopyAxis& inner = copy.map.axes.back();
        for (std::int64_t i = range.begin; i < range.end; ++i) {
          const Row row = row_at(copy.map, i);
          if (row.inside)
            copy_row(inner, copy.x + row.from, y + row.to, fill);
          else
            std::fill_n(y + row.to, inner.size, fill);
        }
      });
  }};
}

Step lower(const BoundNode& node) {
  return size_of(node.output_spec(0).dtype) == 4 ? lower_copies<std::uint32_t>(node)
                                                 : lower_copies<std::uint8_t>(node);
}

}  // namespace

std::vector<OpAlgorithms> rearrange_algorithms() {
  const std::vector<Algorithm> copy = {{"copy", nullptr, lower}};
  return {{"permute", copy}, {"flip", copy},   {"slice", copy}, {"slice_dx", copy},
          {"pad", copy},     {"expand", copy}, {"concat", copy}};
}

}  // namespace TESSERA_CPU_NAMESPACE
