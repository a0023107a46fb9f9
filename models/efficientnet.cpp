// EfficientNet-B0 as torchvision builds it: Tan, Le, "EfficientNet: Rethinking Model Scaling for
// Convolutional Neural Networks" (2019).
#include <fmt/format.h>

#include <cmath>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

struct Stage {
  std::int64_t expansion, kernel, stride, channels, blocks;  ///< the first block has the stride
};

constexpr Stage stages[] = {{1, 3, 1, 16, 1}, {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2},
                            {6, 3, 2, 80, 3}, {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4},
                            {6, 3, 1, 320, 1}};

/// Squeeze and excitation: scales each channel by two small layers on the channel means.
Var squeeze_excitation(Var x, const std::string& name, std::int64_t channels) {
  const layers::Initial initial = {kaiming_fan_out, init::constant(0)};
  const std::int64_t n = x.shape()[0], c = x.shape()[3];
  Var scale = reshape(global_mean(x), {n, 1, 1, c});
  scale = silu(layers::conv2d(scale, name + ".fc1", channels, 1, {}, initial));
  scale = sigmoid(layers::conv2d(scale, name + ".fc2", c, 1, {}, initial));
  return mul(x, scale);
}

Var block(Var x, const std::string& name, const Stage& stage, std::int64_t stride,
          double stochastic_depth) {
  const std::int64_t channels = x.shape()[3], expanded = channels * stage.expansion;
  int number = 0;
  const auto next = [&] { return fmt::format("{}.block.{}", name, number++); };
  Var y = x;
  if (stage.expansion != 1) y = silu(conv_norm(y, next(), expanded, 1));
  y = silu(conv_norm(y, next(), expanded, stage.kernel, {.stride = stride, .groups = expanded}));
  y = squeeze_excitation(y, next(), std::max<std::int64_t>(1, channels / 4));
  y = conv_norm(y, next(), stage.channels, 1);
  if (stride != 1 || stage.channels != channels) return y;
  return add(layers::stochastic_depth(y, name + ".stochastic_depth", stochastic_depth), x);
}

Var efficientnet_b0(Var x, std::int64_t classes, const ModelOptions& options) {
  std::int64_t blocks = 0, done = 0;
  for (const Stage& stage : stages) blocks += stage.blocks;
  const double depth = options.stochastic_depth.value_or(0.2) / static_cast<double>(blocks);
  x = silu(conv_norm(x, "features.0", 32, 3, {.stride = 2}));
  int number = 1;
  for (const Stage& stage : stages) {
    for (std::int64_t i = 0; i < stage.blocks; ++i, ++done)
      x = block(x, fmt::format("features.{}.{}", number, i), stage, i == 0 ? stage.stride : 1,
                depth * static_cast<double>(done));
    ++number;
  }
  x = silu(conv_norm(x, fmt::format("features.{}", number), 4 * x.shape()[3], 1));
  x = layers::dropout(global_mean(x), "classifier.0", options.dropout.value_or(0.2));
  const double range = 1 / std::sqrt(static_cast<double>(classes));
  return layers::dense(
      x, "classifier.1", classes,
      {[range](const Shape&) { return init::uniform(-range, range); }, init::constant(0)});
}

}  // namespace

std::vector<Architecture> efficientnets() {
  return {{{"efficientnet_b0", 224, 1000}, efficientnet_b0}};
}

}  // namespace tessera::models
