// Control flow.
#include <fmt/format.h>

#include "onnx/op_table.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

/// Imports the branch of a condition that is known before the model runs.
Results decision(Call& call) {
  const Constant condition = call.constant(0);
  if (condition.numbers.size() != 1)
    throw Error("onnx",
                fmt::format("the condition has {} elements, expected 1", condition.numbers.size()));
  return call.branch(condition.numbers[0] != 0 ? "then_branch" : "else_branch");
}

}  // namespace

std::vector<Operator> control_operators() { return {{"If", one, decision}}; }

}  // namespace tessera::importer
