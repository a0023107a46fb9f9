// The table of all ops, gathered from the families.
#include "engine/ops/op_table.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace tessera {
namespace {

const std::vector<Op>& table() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> all;
#define TESSERA_OP_FAMILY(family) \
  for (Op & op : ops::family##_ops()) all.push_back(std::move(op));
#include "op_families.inc"
#undef TESSERA_OP_FAMILY
    return all;
  }();
  return ops;
}

}  // namespace

const Op& find_op(std::string_view name) {
  const auto found =
      std::find_if(table().begin(), table().end(), [&](const Op& op) { return op.name == name; });
  if (found != table().end()) return *found;
  std::vector<std::string_view> names;
  for (const Op& op : table()) names.push_back(op.name);
  throw Error("graph",
              fmt::format("there is no op '{}'; there are {}", name, fmt::join(names, ", ")));
}

std::vector<Alias> updates_of(const Op& op, std::size_t outputs) {
  if (!op.updates_many) return op.updates;
  const int n = static_cast<int>(outputs / op.updates.size());
  std::vector<Alias> updates;
  for (const Alias& lists : op.updates)
    for (int i = 0; i < n; ++i) updates.push_back({lists.output * n + i, lists.input * n + i});
  return updates;
}

std::vector<const Op*> all_ops() {
  std::vector<const Op*> all;
  for (const Op& op : table()) all.push_back(&op);
  return all;
}

namespace ops {

void check_input(const InferContext& context, std::size_t i, const char* name, DType dtype,
                 std::int64_t rank) {
  const TensorSpec& spec = context.inputs.at(i);
  check(spec.dtype == dtype, "{} is {}, expected elements of type {}", name, to_string(spec),
        to_string(dtype));
  check(rank < 0 || spec.rank() == rank, "{} is {}, expected {} dimensions", name, to_string(spec),
        rank);
}

const std::vector<std::int64_t>& checked_sizes(const Attributes& attributes, const char* name,
                                               std::size_t count, std::int64_t least) {
  const std::vector<std::int64_t>& sizes = attributes.integers(name);
  const bool fits = std::all_of(sizes.begin(), sizes.end(), [&](std::int64_t size) {
    return size >= least && size <= most_size;
  });
  check(fits && sizes.size() == count, "{} is {}, expected {} numbers from {} to {}", name,
        to_string(sizes), count, least, most_size);
  return sizes;
}

void check_count(const InferContext& context, std::size_t least, std::size_t most) {
  const std::size_t count = context.inputs.size();
  if (least == most)
    check(count == least, "has {} inputs, expected {}", count, least);
  else
    check(count >= least && count <= most, "has {} inputs, expected {} to {}", count, least, most);
}

void check_shape(const InferContext& context, std::size_t i, const char* name,
                 const Shape& expected) {
  const Shape& found = context.inputs.at(i).shape;
  check(found == expected, "{} has shape {}, expected {}", name, to_string(found),
        to_string(expected));
}

}  // namespace ops
}  // namespace tessera
