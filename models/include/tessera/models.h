// The built-in models.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/checkpoint.h"
#include "tessera/classifier.h"

namespace tessera {

/// A model and the input it was published for.
struct ModelInfo {
  std::string name;
  std::int64_t side;       ///< rows and columns of the images it was published for
  std::int64_t classes;    ///< number of classes it was published for
  bool classifier = true;  ///< false: it predicts a class for each pixel
};

/// Returns the models, by family.
TESSERA_API std::vector<ModelInfo> list_models();
/// Returns the names of the models.
TESSERA_API std::vector<std::string> model_names();
/// Returns a model. Throws Error for an unknown name that lists the models.
TESSERA_API const ModelInfo& model_info(std::string_view name);

/// Options of a model. Unset options have the published values; models without an option ignore it.
struct ModelOptions {
  std::optional<double> dropout;
  std::optional<double> stochastic_depth;  ///< probability in the last block; the first has 0
};

/// Appends a model to a graph: images f32 [N,H,W,C] to logits f32 [N,classes], or [N,H,W,classes]
/// if it is not a classifier. Parameters have the names of torchvision's state_dict. Throws Error
/// for an unknown name and for images of an invalid size.
TESSERA_API Var append_model(std::string_view name, Var x, std::int64_t classes,
                             const ModelOptions& options = {});
/// Returns a classifier. `input` sets the size of the images and the normalization; the model sets
/// its padding. Throws Error like append_model.
TESSERA_API ImageModel make_model(std::string_view name, ImageInput input,
                                  std::vector<std::string> classes,
                                  const ModelOptions& options = {});
/// Returns the network of a checkpoint of one of these models. The device must outlive it.
TESSERA_API std::unique_ptr<ImageClassifier> load_network(Device& device,
                                                          const Checkpoint& checkpoint);

}  // namespace tessera
