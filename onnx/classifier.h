// A model with one input as an image classifier: images to logits.
#pragma once

#include <vector>

#include "onnx/ending.h"
#include "onnx/importer.h"
#include "tessera/onnx.h"

namespace tessera::importer {

/// Starts an import with the inputs of the model. Throws Error if they do not fit.
Importer begin_import(Graph& graph, const File& file, const std::vector<OnnxNet::Tensor>& declared,
                      const std::vector<Tensor>& inputs);

/// Throws Error unless there is one input.
void check_one_input(const std::vector<OnnxNet::Tensor>& declared, const std::string& path);

struct Logits {
  Var var;         ///< f32 [N,classes]
  bool is_single;  ///< only of the second of two classes, [N,1], with a sigmoid
};

/// Returns the first output for images f32 [N,H,W,C] as logits. Throws Error unless there is one
/// number per class of each image.
Logits logits_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared);

/// Returns the input of the last layer, f32 [N,features].
Var features_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared);

}  // namespace tessera::importer
