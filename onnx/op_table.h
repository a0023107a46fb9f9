// The operator table: ONNX's name, the function that appends the operator to a graph, and an
// optional function that computes it if all inputs are known. One file of onnx/ops/ per family
// returns its rows.
#pragma once

#include <string>
#include <vector>

#include "onnx/call.h"

namespace tessera::importer {

using Results = std::vector<Argument>;

/// The number of inputs of an operator; optional ones in between may be omitted.
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
/// Computes a node if all its inputs are known and it has a function for that, else appends it.
Results import_call(Call& call);

}  // namespace tessera::importer
