#include "tessera/layers.h"

#include "tessera/error.h"
#include "tessera/initializers.h"

namespace tessera::layers {
Var conv2d(Var x, const std::string& name, std::int64_t out_channels, std::int64_t kernel,
           const Conv2dOptions& options) {
  const std::int64_t channels = x.spec().dim(-1);
  if (options.groups < 1 || channels % options.groups != 0)
    throw Error("conv2d", "input " + to_string(x.spec()) + " does not divide into " +
                              std::to_string(options.groups) + " groups (node '" + name + "')");
  const Shape shape = {out_channels, kernel, kernel, channels / options.groups};
  const Initializer initial = init::layer_default(shape);
  Graph& graph = x.graph();
  const Var w = graph.parameter(name + ".weight", shape, initial);
  const Var b = graph.parameter(name + ".bias", {out_channels}, initial);
  return tessera::conv2d(x, w, b, options, name);
}

Var dense(Var x, const std::string& name, std::int64_t features) {
  const std::int64_t channels = x.spec().dim(-1);
  Graph& graph = x.graph();
  const Shape shape = {features, channels};
  const Var w = graph.parameter(name + ".weight", shape, init::layer_default(shape));
  const Var b = graph.parameter(name + ".bias", {features}, init::layer_default(shape));
  return tessera::dense(x, w, b, name);
}

}  // namespace tessera::layers
