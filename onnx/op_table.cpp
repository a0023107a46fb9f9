#include "onnx/op_table.h"

#include <algorithm>
#include <utility>

namespace tessera::importer {

const std::vector<Operator>& operators() {
  static const std::vector<Operator> all = [] {
    std::vector<Operator> rows;
    for (const auto& family :
         {convolution_operators, elementwise_operators, matmul_operators, movement_operators,
          normalization_operators, pooling_operators, reduction_operators, reshape_operators,
          resize_operators, shape_operators, slice_operators})
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
  const Operator& found = *find_operator(call.op());
  bool known = found.evaluate != nullptr;
  for (std::size_t i = 0; known && i < call.inputs(); ++i)
    known = !call.has(i) || call.is_constant(i);
  if (known) return {found.evaluate(call)};
  return found.append(call);
}

}  // namespace tessera::importer
