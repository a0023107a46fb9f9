// Blocks that several model families share.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/layers.h"

namespace tessera::models {

/// Kaiming's normal distribution for weights as in torchvision, by the outputs of a filter.
Initializer kaiming_fan_out(const Shape& weight);

struct ConvNormOptions {
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  double eps = 1e-5;
  std::function<Initializer(const Shape& weight)> weight = kaiming_fan_out;
};

/// A convolution without bias, padded so that stride 1 keeps the size, and a batch norm.
Var conv_norm(Var x, const std::string& conv, const std::string& norm, std::int64_t channels,
              std::int64_t kernel, const ConvNormOptions& options = {});

/// The same with torchvision's names for a pair of them, "<name>.0" and "<name>.1".
Var conv_norm(Var x, const std::string& name, std::int64_t channels, std::int64_t kernel,
              const ConvNormOptions& options = {});

/// Weights from a normal distribution with mean 0, biases 0.
layers::Initial normal_weights(double deviation);

/// The mean of each channel: [N,H,W,C] -> [N,C].
Var global_mean(Var x);

}  // namespace tessera::models
