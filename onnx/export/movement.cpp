// Data movements: reshapes, transpositions, slices, repetitions, gathers.
#include <algorithm>
#include <limits>

#include "onnx/export/op_table.h"

namespace tessera::exporter {
namespace {

void reshape(Call& call) {
  if (call.is_held(0))
    return call.writer().hold(call.output(), call.writer().held_name(call.input(0)),
                              call.writer().floats(call.input(0)));
  const Tensor x = call.tensor(0);
  const importer::Reshaping plan = importer::reshaping(x.axes, call.shape(0), call.output_shape());
  const Shape stored = importer::permuted(call.shape(0), x.axes);
  const bool moves = importer::reordering(x.axes, plan.before, stored).moved;
  const Integers shape = call.writer().open_shape(call.output(), plan.after);
  call.set(call.add("Reshape", {moves ? call.in_order(0, plan.before) : x.name,
                                call.integers("shape", shape)}),
           plan.after);
}

/// Nothing moves.
void permute(Call& call) {
  const Integers& order = call.integers("axes");
  Tensor x = call.tensor(0);
  for (std::int64_t& axis : x.axes)
    axis = std::find(order.begin(), order.end(), axis) - order.begin();
  call.set(x.name, x.axes);
}

std::string part(Call& call, const std::string& x, const Integers& starts, const Integers& ends,
                 const Integers& axes, const Integers& steps) {
  return call.add("Slice", {x, call.integers("starts", starts), call.integers("ends", ends),
                            call.integers("axes", axes), call.integers("steps", steps)});
}

void flip(Call& call) {
  const Tensor x = call.tensor(0);
  Integers places;
  for (std::int64_t axis : call.integers("axes")) places.push_back(place_of(x.axes, axis));
  const Integers all(places.size(), -1);
  const Integers begin(places.size(), std::numeric_limits<std::int64_t>::min());
  call.set(part(call, x.name, all, begin, places, all), x.axes);
}

void slice(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t start = call.integer("start"), step = call.integer("step");
  const std::int64_t end = start + (call.integer("size") - 1) * step + 1;
  call.set(part(call, x.name, {start}, {std::max(start, end)},
                {place_of(x.axes, call.integer("axis"))}, {step}),
           x.axes);
}

void pad(Call& call) {
  const Tensor x = call.tensor(0);
  Integers widths = importer::permuted(call.integers("before"), x.axes);
  const Integers after = importer::permuted(call.integers("after"), x.axes);
  widths.insert(widths.end(), after.begin(), after.end());
  call.set(call.add("Pad", {x.name, call.integers("widths", widths),
                            call.number(call.attributes().number("value"))}),
           x.axes);
}

void expand(Call& call) {
  const Shape& from = call.shape(0);
  const Shape& to = call.output_shape();
  const Axes axes = importer::plain_axes(to.size());
  Integers open = call.writer().open_shape(call.output(), axes);
  const std::size_t added = to.size() - from.size();
  for (std::size_t i = added; i < to.size(); ++i)  // other dimensions keep their size
    if (from[i - added] == to[i]) open[i] = 1;
  call.set_plain(
      call.add("Expand", {call.plain(0), call.writer().whole_shape(open, to, "expand")}));
}

void concat(Call& call) {
  Axes axes = importer::plain_axes(call.rank(0));
  for (std::size_t i = 0; i < call.inputs();
       ++i)  // the order of the first input with its own order
    if (const Axes own = call.tensor(i).axes; !call.is_held(i) && own != axes) {
      axes = own;
      break;
    }
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < call.inputs(); ++i) inputs.push_back(call.in_order(i, axes));
  call.set(call.add("Concat", inputs, {{"axis", place_of(axes, call.integer("axis"))}}), axes);
}

template <const char* op>
void take(Call& call) {
  call.set_plain(call.add(op, {call.plain(0), call.plain(1)}, {{"axis", call.integer("axis")}}));
}

constexpr char gather[] = "Gather", gather_elements[] = "GatherElements";

void one_hot(Call& call) {
  call.set_plain(
      call.add("OneHot", {call.plain(0), call.integers("depth", {call.integer("classes")}),
                          call.floats("values", {2}, {0, 1})}));
}

}  // namespace

std::vector<Row> movement_rows() {
  return {{"reshape", reshape}, {"permute", permute},
          {"flip", flip},       {"slice", slice},
          {"pad", pad},         {"expand", expand},
          {"concat", concat},   {"take", take<gather>},
          {"one_hot", one_hot}, {"gather", take<gather_elements>}};
}

}  // namespace tessera::exporter
