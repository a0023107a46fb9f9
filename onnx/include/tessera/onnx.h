// Nets from ONNX files (opset 9 to 21), to run and to train, and to ONNX files. An imported net is
// a builder like those of tessera/models.h whose parameters have the file's names and start with
// the file's values.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tessera/network.h"

namespace tessera {

namespace importer {
class File;
}

/// A net from an ONNX file, to append to graphs.
class TESSERA_API OnnxNet {
 public:
  /// Throws Error when the file is damaged, when external data is missing or lies outside of the
  /// file's folder, and when there are operators that Tessera does not have: it lists all of them.
  explicit OnnxNet(const std::string& path);

  /// An input or output of the net.
  struct Tensor {
    std::string name;
    Shape shape;                 ///< -1 where the file leaves a dimension open
    std::string type = "float";  ///< of the elements, as ONNX calls it: "float", "uint8"
  };
  /// What has to be given, without the weights.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// What it gives.
  const std::vector<Tensor>& outputs() const { return outputs_; }

  /// What the file says of itself.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// Appends what these outputs need (none: all of the file's). Inputs and outputs have ONNX's
  /// order of dimensions, images [N,C,H,W]. Constant parts are computed here, so the shapes may
  /// differ from call to call. Batch norms and dropout follow the mode of the graph. Throws Error
  /// when the inputs do not fit.
  std::vector<Var> append(Graph& graph, const std::vector<Var>& inputs,
                          const std::vector<std::string>& outputs = {}) const;

  /// Whether the images of a net of one input are bytes, 0 to 255, since its elements are integers.
  /// Throws Error when they are neither these nor floats.
  bool takes_bytes() const;

  /// For nets of one input: images f32 [N,H,W,C] to logits f32 [N,classes], the first output. A
  /// softmax over the classes or a sigmoid at the end is left out, also where nodes follow it that
  /// keep its probabilities (Identity, Cast, Reshape, Clip, Log and the like). A single output with
  /// a sigmoid becomes the logits of two classes, of which it is the probability of the second.
  /// Throws Error when the net gives anything else.
  Var append_classifier(Var x) const;
  /// The same for so many classes: a dense layer "new_head" in the place of the last layer, which
  /// has to be a Gemm or MatMul, or a Conv of one pixel.
  Var append_classifier(Var x, std::int64_t classes) const;
  /// What such a net was trained with: bce where it ends with sigmoids, or where its metadata say
  /// so; of two classes by a single sigmoid the cross-entropy, which is the same. The outputs are
  /// counted for images of this shape [N,H,W,C]; without one they are those that the file declares.
  Loss loss(const Shape& images = {}) const;

 private:
  std::shared_ptr<const importer::File> file_;  ///< read when parameters take their first values
  std::vector<Tensor> inputs_, outputs_;
  std::map<std::string, std::string> metadata_;
};

/// What becomes of the last layer of a net that is wanted for another number of classes.
enum class Head : std::uint8_t {
  kept,   ///< nothing: the model does not fit its classes then, and networks refuse it
  fitted  ///< a new one is put in its place
};

/// The images that a file takes; 0 where it leaves a size open.
TESSERA_API ImageInput onnx_input(const std::string& path);

/// A classifier of images. What `input` leaves open (size, mean, deviation, padding), the loss, and
/// the names of the classes, are the file's; without any the classes are numbers. A net whose input
/// has integers takes bytes, 0 to 255: its deviation is 1/255, unless one is given. Throws Error
/// when the file leaves open what is missing, or does not classify images.
TESSERA_API Model onnx_model(const std::string& path, ImageInput input = {},
                             std::vector<std::string> classes = {}, Head head = Head::kept);

/// How a net is written to a file.
struct OnnxOptions {
  /// Batch norms in the filters of the convolution or dense layer before each. They cannot be
  /// trained on then.
  bool folded = true;
  Weights weights = Weights::last;
};

/// Writes the model of a network to an ONNX file (opset 17), for any size of a batch. Its input is
/// "image" f32 [N,C,H,W], padded and normalised as the model's input says, its output "logits"
/// [N,classes]. How pixels become numbers, the loss and the names of the classes stand in the
/// file's metadata, where onnx_model finds them. Throws Error that lists all nodes that cannot be
/// written, or when the file cannot be.
TESSERA_API void write_onnx(const std::string& path, const Network& network,
                            const OnnxOptions& options = {});

/// Appends a net for `batch` samples, with its inputs and outputs.
using NetBuilder = std::function<void(Graph& graph, std::int64_t batch)>;
/// The same for any net, whose weights are in `params`. Inputs and outputs have their names;
/// those of 4 dimensions are images, [N,C,H,W] in the file.
TESSERA_API void write_onnx(const std::string& path, const NetBuilder& build, const Params& params,
                            const OnnxOptions& options = {});

/// The operators that can be imported, in alphabetical order.
TESSERA_API std::vector<std::string> onnx_operators();

}  // namespace tessera
