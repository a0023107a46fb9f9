// SqueezeNet 1.1 as torchvision builds it: Iandola et al., "SqueezeNet: AlexNet-level accuracy with
// 50x fewer parameters and <0.5MB model size" (2016).
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

Var conv(Var x, const std::string& name, std::int64_t channels, std::int64_t kernel,
         const Conv2dOptions& options = {}) {
  return relu(
      layers::conv2d(x, name, channels, kernel, options,
                     {[](const Shape& w) { return init::kaiming_uniform(w); }, init::constant(0)}));
}

/// A fire module: squeezes to a few channels, then expands by 1x1 and 3x3 convolutions.
Var fire(Var x, const std::string& name, std::int64_t squeezed) {
  const std::int64_t expanded = 4 * squeezed;
  x = conv(x, name + ".squeeze", squeezed, 1);
  return concat({conv(x, name + ".expand1x1", expanded, 1),
                 conv(x, name + ".expand3x3", expanded, 3, {.padding = {1, 1}})},
                3);
}

Var squeezenet1_1(Var x, std::int64_t classes, const ModelOptions& options) {
  const std::vector<std::int64_t> stages[] = {{16, 16}, {32, 32}, {48, 48, 64, 64}};
  x = conv(x, "features.0", 64, 3, {.stride = {2, 2}});
  int number = 2;
  for (const std::vector<std::int64_t>& fires : stages) {
    x = max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .ceil_mode = true},
                   fmt::format("features.{}", number++));
    for (std::int64_t squeezed : fires) x = fire(x, fmt::format("features.{}", number++), squeezed);
  }
  x = layers::dropout(x, "classifier.0", options.dropout.value_or(0.5));
  x = relu(layers::conv2d(x, "classifier.1", classes, 1, {}, normal_weights(0.01)));
  return global_mean(x);
}

}  // namespace

std::vector<Architecture> squeezenets() { return {{{"squeezenet1_1", 224, 1000}, squeezenet1_1}}; }

}  // namespace tessera::models
