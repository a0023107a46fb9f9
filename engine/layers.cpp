#include "tessera/layers.h"

#include <cmath>

#include "tessera/error.h"

namespace tessera::layers {
namespace {

// torch.nn.init.kaiming_uniform_ with a = sqrt(5), and the bias of torch.nn.Conv2d and Linear.
Initializer uniform(std::int64_t fan_in) {
  return {Initializer::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(fan_in))};
}

}  // namespace

Var conv2d(Var x, const std::string& name, std::int64_t out_channels, std::int64_t kernel,
           const Conv2dOptions& options) {
  const std::int64_t channels = x.spec().dim(-1);
  if (options.groups < 1 || channels % options.groups != 0)
    throw Error("conv2d", "input " + to_string(x.spec()) + " does not divide into " +
                              std::to_string(options.groups) + " groups (node '" + name + "')");
  const Shape shape = {out_channels, kernel, kernel, channels / options.groups};
  const Initializer initial = uniform(kernel * kernel * channels / options.groups);
  Graph& graph = x.graph();
  const Var w = graph.parameter(name + ".weight", shape, initial);
  const Var b = graph.parameter(name + ".bias", {out_channels}, initial);
  return tessera::conv2d(x, w, b, options, name);
}

Var dense(Var x, const std::string& name, std::int64_t features) {
  const std::int64_t channels = x.spec().dim(-1);
  Graph& graph = x.graph();
  const Var w = graph.parameter(name + ".weight", {features, channels}, uniform(channels));
  const Var b = graph.parameter(name + ".bias", {features}, uniform(channels));
  return tessera::dense(x, w, b, name);
}

}  // namespace tessera::layers
