#include "onnx/op_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tessera/error.h"

namespace tessera::importer {
namespace {

void check_inputs(const Operator& op, const Call& call) {
  if (call.inputs() > op.inputs.most)
    throw Error("onnx", fmt::format("there are {} inputs, expected at most {}", call.inputs(),
                                    op.inputs.most));
  for (std::size_t i = 0; i < op.inputs.least; ++i)
    if (!call.has(i)) throw Error("onnx", fmt::format("input {} is missing", i));
}

}  // namespace

const std::vector<Operator>& operators() {
  static const std::vector<Operator> all = [] {
    std::vector<Operator> rows;
    for (const auto& family :
         {choice_operators, control_operators, convolution_operators, einsum_operators,
          elementwise_operators, matmul_operators, movement_operators, normalization_operators,
          pooling_operators, reduction_operators, reshape_operators, resize_operators,
          scatter_operators, shape_operators, slice_operators})
      for (Operator& row : family()) rows.push_back(std::move(row));
    std::sort(rows.begin(), rows.end(),
              [](const Operator& a, const Operator& b) { return a.name < b.name; });
    return rows;
  }();
  return all;
}

const Operator* find_operator(const std::string& name) {
  const auto found = std::find_if(operators().begin(), operators().end(),
                                  [&](const Operator& row) { return row.name == name; });
  return found == operators().end() ? nullptr : &*found;
}

Results import_call(Call& call) {
  const Operator* found = call.is_onnx() ? find_operator(call.op()) : nullptr;
  if (!found) throw Error("onnx", "the operator is not supported");
  check_inputs(*found, call);
  bool known = found->evaluate != nullptr;
  for (std::size_t i = 0; known && i < call.inputs(); ++i)
    known = !call.has(i) || call.is_constant(i);
  if (known) return {found->evaluate(call)};
  return found->append(call);
}

}  // namespace tessera::importer
