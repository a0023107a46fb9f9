// The convolutional network of PyTorch's "Training a classifier" tutorial.
#pragma once

#include "tessera/network.h"

namespace tessera::models {

/// Conv(6,5x5) ReLU MaxPool2 Conv(16,5x5) ReLU MaxPool2 Dense 120 ReLU Dense 84 ReLU Dense classes.
/// Square images of up to 32 rows, padded to 32.
Model tutorial(ImageInput input, std::vector<std::string> classes);

}  // namespace tessera::models
