// First values of parameters, with the names and formulas of torch.nn.init. The numbers come from
// Philox keyed by seed and parameter name: the same on every device.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "tessera/graph.h"

namespace tessera::init {

/// Every element is `value`.
TESSERA_API Initializer constant(double value);
/// Uniform in [low, high).
TESSERA_API Initializer uniform(double low = 0, double high = 1);
/// Normal with this mean and standard deviation.
TESSERA_API Initializer normal(double mean = 0, double deviation = 1);

/// These elements, which are read when a network takes them.
TESSERA_API Initializer given(std::function<std::vector<std::byte>()> bytes);

/// What a unit sums over: weights [K,...,C] (filters first, channels last) have
/// in = C * window and out = K * window, window being the product of the dimensions between. Throws
/// Error when the shape has fewer than 2 dimensions.
struct Fans {
  double in;
  double out;
};
/// Of a weight.
TESSERA_API Fans fans(const Shape& weight);

enum class Fan { in, out };
/// torch.nn.init.calculate_gain; `a` is the slope of leaky_relu below 0.
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };
/// By how much a nonlinearity shrinks its inputs, to be made up for.
TESSERA_API double gain(Nonlinearity nonlinearity, double a = 0.01);

/// The defaults are those of torch.nn.init.kaiming_*_: leaky_relu with a = 0, which is relu.
struct KaimingOptions {
  double a = 0;
  Fan mode = Fan::in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
/// Normal with deviation gain / sqrt(fan).
TESSERA_API Initializer kaiming_normal(const Shape& weight, const KaimingOptions& options = {});
/// Uniform in [-b, b) with b = gain * sqrt(3 / fan).
TESSERA_API Initializer kaiming_uniform(const Shape& weight, const KaimingOptions& options = {});

/// Normal with deviation gain * sqrt(2 / (in + out)).
TESSERA_API Initializer xavier_normal(const Shape& weight, double gain = 1);
/// Uniform in [-b, b) with b = gain * sqrt(6 / (in + out)).
TESSERA_API Initializer xavier_uniform(const Shape& weight, double gain = 1);

/// What torch.nn.Conv2d and Linear start their weights (and, with the weight's shape, their biases)
/// with: uniform in [-b, b), b = 1 / sqrt(fan in).
TESSERA_API Initializer layer_default(const Shape& weight);

}  // namespace tessera::init
