// Opens models by their names on the command line: a name of tessera/models.h, a file that `tessera
// train` wrote, or an ONNX file.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/checkpoint.h"
#include "tessera/onnx.h"
#include "tools/commands.h"
#include "tools/shared/data_options.h"

namespace tessera::tools {

/// Whether the name ends in ".onnx".
bool is_onnx(const std::string& name);

/// Returns a built-in model or the model of an ONNX file.
ImageModel open_model(const std::string& name, ImageInput input, std::vector<std::string> classes,
                      Head head = Head::kept);
/// Returns the model of a checkpoint.
ImageModel model_of(const Checkpoint& checkpoint);
/// Returns the image size that a model was published for; 0 where an ONNX file leaves it open.
ImageInput published_input(const std::string& name);

/// --mean and --deviation: the pixel normalization that an ONNX model expects.
struct PixelOptions {
  std::vector<double> mean, deviation;
  std::vector<CLI::Option*> add(CLI::App& command);
  /// Throws Error unless there is one number for each channel, or none.
  ImageOptions options(std::int64_t channels) const;
};

/// A model file that has been read, with the data that reading it required.
struct OpenedNetwork {
  Checkpoint checkpoint;
  std::optional<ImageModel> model;  ///< of an ONNX file
  std::unique_ptr<ImageDataset>
      dataset;  ///< the test images, which define the classes of an ONNX file
};
/// Opens a model file. An ONNX file has no training data, so its images and classes come from the
/// data set of `data`, if any. `size`: --size, for an ONNX file without an image size.
OpenedNetwork open_network(const std::string& path, const DataOptions& data,
                           const PixelOptions& pixels, const std::string& size = {});
/// Returns the test images of a data set, which `opened` may already have.
std::unique_ptr<ImageDataset> load_test(OpenedNetwork& opened, const std::string& name,
                                        const DataOptions& data);
/// Returns options that read images as in the training of a model. By default all images of other
/// data are test images.
DatasetOptions dataset_options(const DataOptions& data, const Checkpoint& checkpoint);
/// Returns options to read images for the training of a model, by default with the size that it was
/// published for.
DatasetOptions dataset_options(const DataOptions& data, const std::string& model,
                               std::uint64_t seed);
/// Returns the batch size for evaluation, which is smaller for large images to save memory.
std::int64_t evaluation_batch(const ImageDataset& dataset);
std::unique_ptr<ImageClassifier> load(Device& device, const Checkpoint& checkpoint);
std::unique_ptr<ImageClassifier> load(Device& device, const OpenedNetwork& opened);

}  // namespace tessera::tools
