// The models that come with the library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/checkpoint.h"
#include "tessera/network.h"

namespace tessera {

/// What a model was published for.
struct ModelInfo {
  std::string name;
  std::int64_t side;       ///< rows and columns of the images it was published for
  std::int64_t classes;    ///< and the number of classes
  bool classifier = true;  ///< else it gives a class to each pixel
};

/// The models, by family.
TESSERA_API std::vector<ModelInfo> list_models();
/// Their names.
TESSERA_API std::vector<std::string> model_names();
/// Throws Error for an unknown name, and lists what there is.
TESSERA_API const ModelInfo& model_info(std::string_view name);

/// What is not set is as published; models that have none of it ignore it.
struct ModelOptions {
  std::optional<double> dropout;
  std::optional<double> stochastic_depth;  ///< of the last block; the first has none
};

/// Appends a model to a graph: images f32 [N,H,W,C] to logits f32 [N,classes], or [N,H,W,classes]
/// where it is no classifier. Parameters have the names of torchvision's state_dict. Throws Error
/// for an unknown name and for images that do not fit.
TESSERA_API Var append_model(std::string_view name, Var x, std::int64_t classes,
                             const ModelOptions& options = {});
/// A classifier. `input` gives the size of the images and the normalisation; its padding is set by
/// the model. Throws Error as append_model does.
TESSERA_API Model make_model(std::string_view name, ImageInput input,
                             std::vector<std::string> classes, const ModelOptions& options = {});
/// The network of a checkpoint whose model is one of these. The device must outlive it.
TESSERA_API std::unique_ptr<Network> load_network(Device& device, const Checkpoint& checkpoint);

}  // namespace tessera
