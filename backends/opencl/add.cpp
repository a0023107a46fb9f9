// Addition with broadcasting: neighbouring dimensions in which both operands behave alike become
// one, so that the kernel sees few and long ones.
#include <algorithm>

#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

struct Dimension {
  std::int64_t size;
  bool in_a, in_b;  ///< whether the operand has it; else it is repeated
};

std::vector<Dimension> collapsed(const Shape& a, const Shape& b, const Shape& y) {
  std::vector<Dimension> dimensions;
  const auto has = [&](const Shape& shape, std::size_t i) {
    const std::size_t absent = y.size() - shape.size();
    return i >= absent && shape[i - absent] != 1;
  };
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (y[i] == 1) continue;
    const Dimension dimension = {y[i], has(a, i), has(b, i)};
    if (!dimensions.empty() && dimensions.back().in_a == dimension.in_a &&
        dimensions.back().in_b == dimension.in_b)
      dimensions.back().size *= dimension.size;
    else
      dimensions.push_back(dimension);
  }
  if (dimensions.empty()) dimensions.push_back({1, true, true});
  return dimensions;
}

void lower(Lowering& l) {
  const auto dimensions =
      collapsed(l.input_spec(0).shape, l.input_spec(1).shape, l.output_spec(0).shape);
  const Dimension& inner = dimensions.back();
  std::vector<std::int32_t> table(3 * (dimensions.size() - 1));
  std::int64_t rows = 1, a_stride = inner.in_a ? inner.size : 1,
               b_stride = inner.in_b ? inner.size : 1;
  for (std::size_t i = dimensions.size() - 1; i-- > 0;) {
    const Dimension& d = dimensions[i];
    table[3 * i] = l.to_int(d.size);
    table[3 * i + 1] = d.in_a ? l.to_int(a_stride) : 0;
    table[3 * i + 2] = d.in_b ? l.to_int(b_stride) : 0;
    rows *= d.size;
    if (d.in_a) a_stride *= d.size;
    if (d.in_b) b_stride *= d.size;
  }
  const std::int64_t items = rows * ((inner.size + l.width() - 1) / l.width());
  l.launch_items("add.cl", l.defines(), "add", items, 64, l.input(0), l.input(1), l.output(0),
                 l.table(table), l.to_int(static_cast<std::int64_t>(dimensions.size()) - 1),
                 l.to_int(inner.size), cl_int{inner.in_a}, cl_int{inner.in_b});
}

}  // namespace

std::vector<OpLowering> add_lowerings() { return {{"add", {{"vectors", never_refuses, lower}}}}; }

}  // namespace tessera::opencl
