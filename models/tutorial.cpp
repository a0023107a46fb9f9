// The convolutional network of PyTorch's "Training a classifier" tutorial.
#include "models/architecture.h"
#include "tessera/layers.h"

namespace tessera::models {
namespace {

Var tutorial(Var x, std::int64_t classes, const ModelOptions&) {
  x = max_pool2d(relu(layers::conv2d(x, "conv1", 6, 5), "relu1"), {}, "pool1");
  x = max_pool2d(relu(layers::conv2d(x, "conv2", 16, 5), "relu2"), {}, "pool2");
  x = flatten(x, "flatten");
  x = relu(layers::dense(x, "fc1", 120), "relu3");
  x = relu(layers::dense(x, "fc2", 84), "relu4");
  return layers::dense(x, "fc3", classes);
}

}  // namespace

std::vector<Architecture> tutorials() { return {{{"tutorial", 32, 10}, tutorial, 32}}; }

}  // namespace tessera::models
