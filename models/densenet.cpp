// DenseNet-121 as torchvision builds it: Huang, Liu, van der Maaten, Weinberger, "Densely Connected
// Convolutional Networks" (2016).
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

constexpr std::int64_t growth = 32;  ///< channels that a layer adds
constexpr int layers_of_blocks[] = {6, 12, 24, 16};

Initializer kaiming(const Shape& weight) { return init::kaiming_normal(weight); }

Var norm_relu_conv(Var x, const std::string& norm, const std::string& conv, std::int64_t channels,
                   std::int64_t kernel) {
  const std::int64_t padding = kernel / 2;
  x = relu(layers::batch_norm2d(x, norm));
  return layers::conv2d(x, conv, channels, kernel, {.padding = {padding, padding}, .bias = false},
                        {.weight = kaiming});
}

Var densenet121(Var x, std::int64_t classes, const ModelOptions&) {
  x = relu(conv_norm(x, "features.conv0", "features.norm0", 2 * growth, 7,
                     {.stride = 2, .weight = kaiming}));
  x = max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, "features.pool0");
  int block = 0;
  for (int layers : layers_of_blocks) {
    if (block > 0) {
      const std::string name = fmt::format("features.transition{}", block);
      x = norm_relu_conv(x, name + ".norm", name + ".conv", x.shape()[3] / 2, 1);
      x = avg_pool2d(x, {}, name + ".pool");
    }
    ++block;
    for (int i = 1; i <= layers; ++i) {
      const std::string name = fmt::format("features.denseblock{}.denselayer{}", block, i);
      Var y = norm_relu_conv(x, name + ".norm1", name + ".conv1", 4 * growth, 1);
      y = norm_relu_conv(y, name + ".norm2", name + ".conv2", growth, 3);
      x = concat({x, y}, 3);
    }
  }
  x = relu(layers::batch_norm2d(x, "features.norm5"));
  return layers::dense(global_mean(x), "classifier", classes, {.bias = init::constant(0)});
}

}  // namespace

std::vector<Architecture> densenets() { return {{{"densenet121", 224, 1000}, densenet121}}; }

}  // namespace tessera::models
