// A file of one input as a classifier: images to logits.
#pragma once

#include <vector>

#include "onnx/ending.h"
#include "onnx/importer.h"
#include "tessera/onnx.h"

namespace tessera::importer {

/// Begins an import with the inputs of the net. Throws Error when they do not fit.
Importer begin_import(Graph& graph, const File& file, const std::vector<OnnxNet::Tensor>& declared,
                      const std::vector<Tensor>& inputs);

/// Throws Error unless there is one input.
void check_one_input(const std::vector<OnnxNet::Tensor>& declared, const std::string& path);

struct Logits {
  Var var;         ///< f32 [N,classes]
  bool is_single;  ///< of the second of two classes alone, [N,1], by a sigmoid
};

/// The first output for images f32 [N,H,W,C], without what makes probabilities. Throws Error when
/// there is not one number for each class of each image.
Logits logits_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared);

/// What the last layer reads, f32 [N,features].
Var features_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared);

}  // namespace tessera::importer
