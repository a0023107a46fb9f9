#include "tessera/initializers.h"

#include <cmath>
#include <utility>

#include "tessera/error.h"

namespace tessera::init {
namespace {

double deviation(const Shape& weight, const KaimingOptions& options) {
  const Fans found = fans(weight);
  return gain(options.nonlinearity, options.a) /
         std::sqrt(options.mode == Fan::in ? found.in : found.out);
}

Initializer symmetric(double bound) { return {Initializer::Kind::uniform, bound}; }

}  // namespace

Initializer constant(double value) { return {Initializer::Kind::constant, value}; }

Initializer uniform(double low, double high) {
  return {Initializer::Kind::uniform, (high - low) / 2, (low + high) / 2};
}

Initializer normal(double mean, double deviation) {
  return {Initializer::Kind::normal, deviation, mean};
}

Initializer given(std::function<std::vector<std::byte>()> bytes) {
  return {Initializer::Kind::given, 0, 0, std::move(bytes)};
}

Fans fans(const Shape& weight) {
  if (weight.size() < 2)
    throw Error("init",
                "weight has shape " + to_string(weight) + ", expected at least 2 dimensions");
  double window = 1;
  for (std::size_t i = 1; i + 1 < weight.size(); ++i) window *= static_cast<double>(weight[i]);
  return {window * static_cast<double>(weight.back()),
          window * static_cast<double>(weight.front())};
}

double gain(Nonlinearity nonlinearity, double a) {
  switch (nonlinearity) {
    case Nonlinearity::tanh:
      return 5.0 / 3;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu:
      return std::sqrt(2 / (1 + a * a));
    case Nonlinearity::selu:
      return 0.75;
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid:
      break;
  }
  return 1;
}

Initializer kaiming_normal(const Shape& weight, const KaimingOptions& options) {
  return normal(0, deviation(weight, options));
}

Initializer kaiming_uniform(const Shape& weight, const KaimingOptions& options) {
  return symmetric(std::sqrt(3.0) * deviation(weight, options));
}

Initializer xavier_normal(const Shape& weight, double gain) {
  const Fans found = fans(weight);
  return normal(0, gain * std::sqrt(2 / (found.in + found.out)));
}

Initializer xavier_uniform(const Shape& weight, double gain) {
  const Fans found = fans(weight);
  return symmetric(gain * std::sqrt(6 / (found.in + found.out)));
}

Initializer layer_default(const Shape& weight) { return symmetric(1 / std::sqrt(fans(weight).in)); }

}  // namespace tessera::init
