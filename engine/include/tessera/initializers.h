// Initial values of parameters, with the names and formulas of torch.nn.init. The numbers come from
// Philox, keyed by seed and parameter name, and are the same on every device.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "tessera/graph.h"

namespace tessera::init {

/// Sets every element to `value`.
TESSERA_API Initializer constant(double value);
/// Draws from the uniform distribution in [low, high).
TESSERA_API Initializer uniform(double low = 0, double high = 1);
/// Draws from the normal distribution with this mean and standard deviation.
TESSERA_API Initializer normal(double mean = 0, double deviation = 1);

/// Copies these elements, which are read when a network is initialized.
TESSERA_API Initializer given(std::function<std::vector<std::byte>()> bytes);

/// Fan-in and fan-out. Weights [K,...,C] (filters first, channels last) have in = C * window and
/// out = K * window, where window is the product of the dimensions in between.
struct Fans {
  double in;
  double out;
};
/// Returns the fans of a weight. Throws Error if the shape has fewer than 2 dimensions.
TESSERA_API Fans fans(const Shape& weight);

enum class Fan { in, out };
/// Nonlinearities of torch.nn.init.calculate_gain; `a` is the slope of leaky_relu below 0.
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };
/// Returns the gain that compensates for a nonlinearity: torch.nn.init.calculate_gain.
TESSERA_API double gain(Nonlinearity nonlinearity, double a = 0.01);

/// Options of the kaiming initializers. The defaults are those of torch.nn.init.kaiming_*_:
/// leaky_relu with a = 0, which is relu.
struct KaimingOptions {
  double a = 0;
  Fan mode = Fan::in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
/// Draws from the normal distribution with standard deviation gain / sqrt(fan).
TESSERA_API Initializer kaiming_normal(const Shape& weight, const KaimingOptions& options = {});
/// Draws uniformly from [-b, b) with b = gain * sqrt(3 / fan).
TESSERA_API Initializer kaiming_uniform(const Shape& weight, const KaimingOptions& options = {});

/// Draws from the normal distribution with standard deviation gain * sqrt(2 / (in + out)).
TESSERA_API Initializer xavier_normal(const Shape& weight, double gain = 1);
/// Draws uniformly from [-b, b) with b = gain * sqrt(6 / (in + out)).
TESSERA_API Initializer xavier_uniform(const Shape& weight, double gain = 1);

/// Draws the default weights of torch.nn.Conv2d and Linear (and, with the weight's shape, their
/// biases): uniform in [-b, b), b = 1 / sqrt(fan in).
TESSERA_API Initializer layer_default(const Shape& weight);

}  // namespace tessera::init
