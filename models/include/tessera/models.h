// The models that come with the library.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/checkpoint.h"
#include "tessera/network.h"

namespace tessera {

/// "tutorial".
TESSERA_API std::vector<std::string> model_names();
/// `input` gives the size of the images and the normalisation; its padding is set by the model.
/// Throws Error for an unknown name (and lists what there is) and for images that do not fit.
TESSERA_API Model make_model(std::string_view name, ImageInput input,
                             std::vector<std::string> classes);
/// The network of a checkpoint whose model is one of these. The device must outlive it.
TESSERA_API std::unique_ptr<Network> load_network(Device& device, const Checkpoint& checkpoint);

}  // namespace tessera
