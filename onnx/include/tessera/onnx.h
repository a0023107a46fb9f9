// Import of models from ONNX files (opset 6 to 28), for inference and training, and export to ONNX
// files. An imported model is a builder like those of tessera/models.h; its parameters have the
// names and initial values of the file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tessera/classifier.h"

namespace tessera {

namespace importer {
class File;
}

/// A model from an ONNX file, which can be appended to graphs.
class TESSERA_API OnnxNet {
 public:
  /// Reads the file. Throws Error if the file is damaged, or if external data is missing or outside
  /// of the file's folder. For unsupported operators, throws Error that lists all of them.
  explicit OnnxNet(const std::string& path);

  /// An input or output of the model.
  struct Tensor {
    std::string name;
    Shape shape;                 ///< -1 for an open dimension
    std::string type = "float";  ///< ONNX's element type: "float", "uint8"
  };
  /// Returns the inputs, without the weights.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// Returns the outputs.
  const std::vector<Tensor>& outputs() const { return outputs_; }

  /// Returns the metadata of the file.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// Appends the nodes that these outputs need (empty: all outputs of the file). Inputs and outputs
  /// have ONNX's order of dimensions, images [N,C,H,W]. Constant parts are computed here, so shapes
  /// may differ from call to call. Batch norms and dropout follow the mode of the graph. Throws
  /// Error if the inputs are invalid.
  std::vector<Var> append(Graph& graph, const std::vector<Var>& inputs,
                          const std::vector<std::string>& outputs = {}) const;

  /// Returns whether the images of a model with one input are bytes, 0 to 255, because its element
  /// type is an integer. Throws Error if the elements are neither integers nor floats.
  bool takes_bytes() const;

  /// Appends a model with one input: images f32 [N,H,W,C] to logits f32 [N,classes], the first
  /// output. Leaves out a softmax over the classes or a sigmoid at the end, even if it is followed
  /// by nodes that keep its probabilities (Identity, Cast, Reshape, Clip, Log and the like). A
  /// single output with a sigmoid becomes the logits of two classes; it is the probability of the
  /// second. Throws Error for any other output.
  Var append_classifier(Var x) const;
  /// Does the same for this number of classes: replaces the last layer, which must be a Gemm or
  /// MatMul or a Conv of one pixel, with a dense layer "new_head".
  Var append_classifier(Var x, std::int64_t classes) const;
  /// Returns the loss of the model: bce if it ends with sigmoids or if its metadata says so; for
  /// two classes from a single sigmoid the cross-entropy, which is equivalent. The outputs are
  /// counted for images of this shape [N,H,W,C]; without a shape, as the file declares them.
  Loss loss(const Shape& images = {}) const;

 private:
  std::shared_ptr<const importer::File> file_;  ///< read when parameters are initialized
  std::vector<Tensor> inputs_, outputs_;
  std::map<std::string, std::string> metadata_;
};

/// What to do with the last layer if the model has another number of classes.
enum class Head : std::uint8_t {
  kept,   ///< keep it: networks then throw Error, because the classes do not match
  fitted  ///< replace it with a new one
};

/// Returns the image format of a file; an open size is 0.
TESSERA_API ImageInput onnx_input(const std::string& path);

/// Returns an image classifier. The file sets what `input` leaves open (size, mean, deviation,
/// padding), the loss and the class names; without names the classes are numbers. A model with an
/// integer input gets bytes, 0 to 255: its deviation is 1/255, unless one is set. Throws Error if
/// the file leaves open what is missing, or is not an image classifier.
TESSERA_API ImageModel onnx_model(const std::string& path, ImageInput input = {},
                                  std::vector<std::string> classes = {}, Head head = Head::kept);

/// Options of the export.
struct OnnxOptions {
  /// Folds batch norms into the filters of the convolution or dense layer before each. The exported
  /// model then cannot train them.
  bool folded = true;
  Weights weights = Weights::last;
};

/// Writes the model of a network to an ONNX file (opset 17), for any batch size. Its input is
/// "image" f32 [N,C,H,W], padded and normalized as the model's input says; its output is "logits"
/// [N,classes]. The metadata of the file has the conversion of pixels, the loss and the class names
/// for onnx_model. Throws Error that lists all nodes that cannot be exported, or if the file cannot
/// be written.
TESSERA_API void write_onnx(const std::string& path, const ImageClassifier& network,
                            const OnnxOptions& options = {});

/// Appends a model for `batch` samples, with its inputs and outputs.
using NetBuilder = std::function<void(Graph& graph, std::int64_t batch)>;
/// Does the same for any model whose weights are in `params`. Inputs and outputs keep their names;
/// those of 4 dimensions are images, [N,C,H,W] in the file.
TESSERA_API void write_onnx(const std::string& path, const NetBuilder& build, const Params& params,
                            const OnnxOptions& options = {});

/// Returns the operators that can be imported, in alphabetical order.
TESSERA_API std::vector<std::string> onnx_operators();

}  // namespace tessera
