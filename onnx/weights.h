// Which tensors of a file are its weights.
#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>

namespace tessera::importer {

/// Makes initializers of the weights in Constant nodes, as some exporters write all of them, where
/// no layer (Conv, Gemm, MatMul, a norm) has weights in an initializer.
void move_weights_to_initializers(onnx::GraphProto& graph);

/// Initializers with which the net prepares its own images: those of element-wise arithmetic
/// between an input and the first layer. They are not trained.
std::set<std::string> preparation_of(const onnx::GraphProto& graph);

}  // namespace tessera::importer
