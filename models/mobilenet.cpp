// MobileNets: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
// Applications" (2017), and Sandler et al., "MobileNetV2: Inverted Residuals and Linear
// Bottlenecks" (2018) as torchvision builds it, and with smaller strides for CIFAR.
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

struct Stage {
  std::int64_t expansion, channels, blocks, stride;  ///< the first block has the stride
};

/// A depthwise convolution and a 1x1 convolution.
Var separable(Var x, const std::string& name, std::int64_t channels, std::int64_t stride) {
  x = relu(conv_norm(x, name + ".0", x.shape()[3], 3, {.stride = stride, .groups = x.shape()[3]}));
  return relu(conv_norm(x, name + ".1", channels, 1));
}

Var mobilenet_v1(Var x, std::int64_t classes, const ModelOptions& options) {
  constexpr Stage stages[] = {
      {1, 64, 1, 1}, {1, 128, 2, 2}, {1, 256, 2, 2}, {1, 512, 6, 2}, {1, 1024, 2, 2}};
  x = relu(conv_norm(x, "features.0", 32, 3, {.stride = 2}));
  int number = 1;
  for (const Stage& stage : stages)
    for (std::int64_t i = 0; i < stage.blocks; ++i)
      x = separable(x, fmt::format("features.{}", number++), stage.channels,
                    i == 0 ? stage.stride : 1);
  x = layers::dropout(global_mean(x), "classifier.0", options.dropout.value_or(0.001));
  return layers::dense(x, "classifier.1", classes, normal_weights(0.01));
}

Var inverted_residual(Var x, const std::string& name, const Stage& stage, std::int64_t stride) {
  const std::int64_t expanded = x.shape()[3] * stage.expansion;
  int number = 0;
  const auto next = [&] { return fmt::format("{}.conv.{}", name, number++); };
  Var y = x;
  if (stage.expansion != 1) y = relu6(conv_norm(y, next(), expanded, 1));
  y = relu6(conv_norm(y, next(), expanded, 3, {.stride = stride, .groups = expanded}));
  const std::string conv = next(), norm = next();
  y = conv_norm(y, conv, norm, stage.channels, 1);
  return stride == 1 && stage.channels == x.shape()[3] ? add(x, y) : y;
}

/// `early_stride` is the stride of the first convolution and of the first strided stage: 2, or 1
/// for small images; `dropout` is the default.
Var mobilenet_v2(Var x, std::int64_t classes, const ModelOptions& options,
                 std::int64_t early_stride, double dropout) {
  const Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, early_stride}, {6, 32, 3, 2}, {6, 64, 4, 2},
                          {6, 96, 3, 1}, {6, 160, 3, 2},           {6, 320, 1, 1}};
  x = relu6(conv_norm(x, "features.0", 32, 3, {.stride = early_stride}));
  int number = 1;
  for (const Stage& stage : stages)
    for (std::int64_t i = 0; i < stage.blocks; ++i)
      x = inverted_residual(x, fmt::format("features.{}", number++), stage,
                            i == 0 ? stage.stride : 1);
  x = relu6(conv_norm(x, fmt::format("features.{}", number), 1280, 1));
  x = layers::dropout(global_mean(x), "classifier.0", options.dropout.value_or(dropout));
  return layers::dense(x, "classifier.1", classes, normal_weights(0.01));
}

}  // namespace

std::vector<Architecture> mobilenets() {
  const auto second = [](std::int64_t early_stride, double dropout) {
    return [=](Var x, std::int64_t classes, const ModelOptions& options) {
      return mobilenet_v2(x, classes, options, early_stride, dropout);
    };
  };
  return {{{"mobilenet_v1", 224, 1000}, mobilenet_v1},
          {{"mobilenet_v2", 224, 1000}, second(2, 0.2)},
          {{"mobilenet_v2_cifar", 32, 10}, second(1, 0)}};
}

}  // namespace tessera::models
