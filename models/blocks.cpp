#include "models/blocks.h"

namespace tessera::models {

Initializer kaiming_fan_out(const Shape& weight) {
  return init::kaiming_normal(weight, {.mode = init::Fan::out});
}

Var conv_norm(Var x, const std::string& conv, const std::string& norm, std::int64_t channels,
              std::int64_t kernel, const ConvNormOptions& options) {
  const std::int64_t padding = (kernel - 1) / 2;
  x = layers::conv2d(x, conv, channels, kernel,
                     {.stride = {options.stride, options.stride},
                      .padding = {padding, padding},
                      .groups = options.groups,
                      .bias = false},
                     {.weight = options.weight});
  return layers::batch_norm2d(x, norm, {.eps = options.eps});
}

Var conv_norm(Var x, const std::string& name, std::int64_t channels, std::int64_t kernel,
              const ConvNormOptions& options) {
  return conv_norm(x, name + ".0", name + ".1", channels, kernel, options);
}

layers::Initial normal_weights(double deviation) {
  return {[deviation](const Shape&) { return init::normal(0, deviation); }, init::constant(0)};
}

Var global_mean(Var x) { return mean(x, {1, 2}); }

}  // namespace tessera::models
