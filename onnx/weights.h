// Finds the weights of a file.
#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>

namespace tessera::importer {

/// Converts weights in Constant nodes, which some exporters write, to initializers if no layer
/// (Conv, Gemm, MatMul, a norm) has weights in an initializer.
void move_weights_to_initializers(onnx::GraphProto& graph);

/// Returns the initializers with which the model normalizes its images: operands of elementwise
/// arithmetic between an input and the first layer. They are not trained.
std::set<std::string> preparation_of(const onnx::GraphProto& graph);

}  // namespace tessera::importer
