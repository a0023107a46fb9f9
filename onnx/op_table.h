// The table of operators: a name of ONNX, the function that appends it to a graph, and perhaps one
// that computes it when all inputs are known. One file of onnx/ops/ for each family gives its rows.
#pragma once

#include <string>
#include <vector>

#include "onnx/call.h"

namespace tessera::importer {

using Results = std::vector<Argument>;

/// How many inputs an operator has; optional ones in between may be left out.
struct Inputs {
  std::size_t least, most;
};
constexpr Inputs none{0, 0}, one{1, 1}, two{2, 2}, three{3, 3}, any{1, 1 << 30};

struct Operator {
  std::string name;
  Inputs inputs;
  Results (*append)(Call& call);
  Constant (*evaluate)(const Call& call) = nullptr;
};

std::vector<Operator> choice_operators();
std::vector<Operator> control_operators();
std::vector<Operator> convolution_operators();
std::vector<Operator> einsum_operators();
std::vector<Operator> elementwise_operators();
std::vector<Operator> matmul_operators();
std::vector<Operator> movement_operators();
std::vector<Operator> normalization_operators();
std::vector<Operator> pooling_operators();
std::vector<Operator> reduction_operators();
std::vector<Operator> reshape_operators();
std::vector<Operator> resize_operators();
std::vector<Operator> scatter_operators();
std::vector<Operator> shape_operators();
std::vector<Operator> slice_operators();

/// All rows, by name.
const std::vector<Operator>& operators();
/// nullptr: there is none.
const Operator* find_operator(const std::string& name);
/// Computes a node here if all its inputs are known and that is possible, else appends it.
Results import_call(Call& call);

}  // namespace tessera::importer
