// Nets from ONNX files (opset 9 to 21), to run and to train. An imported net is a builder like
// those of tessera/models.h whose parameters have the file's names and start with the file's
// values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/network.h"

namespace tessera {

namespace importer {
class File;
}

class TESSERA_API OnnxNet {
 public:
  /// Throws Error when the file is damaged, when external data is missing or lies outside of the
  /// file's folder, and when there are operators that Tessera does not have: it lists all of them.
  explicit OnnxNet(const std::string& path);

  struct Tensor {
    std::string name;
    Shape shape;  ///< -1 where the file leaves a dimension open
  };
  /// What has to be given, without the weights.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }

  /// Appends what these outputs need (none: all of the file's). Inputs and outputs have ONNX's
  /// order of dimensions, images [N,C,H,W]. Constant parts are computed here, so the shapes may
  /// differ from call to call. Batch norms and dropout follow the mode of the graph. Throws Error
  /// when the inputs do not fit.
  std::vector<Var> append(Graph& graph, const std::vector<Var>& inputs,
                          const std::vector<std::string>& outputs = {}) const;

  /// For nets of one input: images f32 [N,H,W,C] to logits f32 [N,classes], the first output; a
  /// softmax at the end is left out.
  Var append_classifier(Var x) const;

 private:
  std::shared_ptr<const importer::File> file_;  ///< read when parameters take their first values
  std::vector<Tensor> inputs_, outputs_;
};

/// A classifier of images. Where `input` has no size, it is the file's; where there are no classes,
/// they are numbers. Throws Error when the file leaves open what is missing.
TESSERA_API Model onnx_model(const std::string& path, ImageInput input = {},
                             std::vector<std::string> classes = {});

/// The operators that can be imported, in alphabetical order.
TESSERA_API std::vector<std::string> onnx_operators();

}  // namespace tessera
