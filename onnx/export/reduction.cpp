// Reductions, which keep dimensions of size 1.
#include <map>

#include "onnx/export/op_table.h"

namespace tessera::exporter {
namespace {

Integers places_of(const Call& call, const Tensor& x) {
  Integers places;
  for (std::int64_t axis : call.integers("axes")) places.push_back(place_of(x.axes, axis));
  return places;
}

using Names = std::map<std::string, std::string, std::less<>>;

const Names& names() {
  static const Names all = {{"mean", "ReduceMean"}, {"sum_squares", "ReduceSumSquare"},
                            {"norm1", "ReduceL1"},  {"norm2", "ReduceL2"},
                            {"amax", "ReduceMax"},  {"amin", "ReduceMin"}};
  return all;
}

void reduce(Call& call) {
  const Tensor x = call.tensor(0);
  call.set(call.add(names().at(call.op()), {x.name}, {{"axes", places_of(call, x)}}), x.axes);
}

/// Exports ReduceSum, the only one of these ops whose axes are an input.
void sum(Call& call) {
  const Tensor x = call.tensor(0);
  call.set(call.add("ReduceSum", {x.name, call.integers("axes", places_of(call, x))}), x.axes);
}

void place_of_extreme(Call& call) {
  const Tensor x = call.tensor(0);
  const char* const op = call.op() == "argmax" ? "ArgMax" : "ArgMin";
  const std::string place = call.add(op, {x.name}, {{"axis", places_of(call, x).at(0)}});
  call.set(call.add("Cast", {place}, {{"to", std::int64_t{onnx::TensorProto::INT32}}}), x.axes);
}

}  // namespace

std::vector<Row> reduction_rows() {
  std::vector<Row> rows = {
      {"sum", sum}, {"argmax", place_of_extreme}, {"argmin", place_of_extreme}};
  for (const auto& [op, name] : names()) rows.push_back({op, reduce});
  return rows;
}

}  // namespace tessera::exporter
