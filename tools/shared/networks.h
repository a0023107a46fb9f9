// Models and networks by what the command line calls them: a name of tessera/models.h, a file that
// `tessera train` wrote, or an ONNX file.
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

/// Ends in ".onnx".
bool is_onnx(const std::string& name);

/// One of the library's models, or that of an ONNX file.
ImageModel open_model(const std::string& name, ImageInput input, std::vector<std::string> classes,
                      Head head = Head::kept);
/// The one that was trained.
ImageModel model_of(const Checkpoint& checkpoint);
/// Rows, columns and channels of the images that a model was published for; 0 where an ONNX file
/// leaves them open.
ImageInput published_input(const std::string& name);

/// How pixels become the numbers that a net from elsewhere was made for.
struct PixelOptions {
  std::vector<double> mean, deviation;
  std::vector<CLI::Option*> add(CLI::App& command);
  /// Throws Error unless there is one number for each channel, or none.
  ImageOptions options(std::int64_t channels) const;
};

/// What a file says of its network, and what had to be read to know it.
struct OpenedNetwork {
  Checkpoint checkpoint;
  std::optional<ImageModel> model;        ///< of an ONNX file
  std::unique_ptr<ImageDataset> dataset;  ///< the test images that tell the classes of an ONNX file
};
/// An ONNX file has neither data nor training; its images and classes are those of the data set
/// where one is named.
/// `size`: --size, of images for an ONNX file that leaves it open.
OpenedNetwork open_network(const std::string& path, const DataOptions& data,
                           const PixelOptions& pixels, const std::string& size = {});
/// The test images of a data set, which an opened network may have with it.
std::unique_ptr<ImageDataset> load_test(OpenedNetwork& opened, const std::string& name,
                                        const DataOptions& data);
/// How images are read for a network that a file holds: as for its training. Of data that it was
/// not trained on all images are for testing, where nothing else is said.
DatasetOptions dataset_options(const DataOptions& data, const Checkpoint& checkpoint);
/// How they are read to train a model: pictures have the size that it was published for, where
/// nothing else is said.
DatasetOptions dataset_options(const DataOptions& data, const std::string& model,
                               std::uint64_t seed);
/// How many images are evaluated at once: fewer of large ones, which take memory.
std::int64_t evaluation_batch(const ImageDataset& dataset);
std::unique_ptr<ImageClassifier> load(Device& device, const Checkpoint& checkpoint);
std::unique_ptr<ImageClassifier> load(Device& device, const OpenedNetwork& opened);

}  // namespace tessera::tools
