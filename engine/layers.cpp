#include "tessera/layers.h"

#include <optional>

#include "tessera/error.h"
#include "tessera/initializers.h"

namespace tessera::layers {
namespace {

void check_groups(const char* op, const char* what, std::int64_t channels, std::int64_t groups,
                  const std::string& name) {
  if (groups >= 1 && channels % groups == 0) return;
  throw Error(op, std::to_string(channels) + " " + what + " do not divide into " +
                      std::to_string(groups) + " groups (node '" + name + "')");
}

std::optional<Var> bias(Graph& graph, const std::string& name, std::int64_t channels,
                        const Initializer& initial, bool wanted) {
  if (!wanted) return {};
  return graph.parameter(name + ".bias", {channels}, initial);
}

}  // namespace

Var conv2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
           const Conv2dOptions& options) {
  const std::int64_t channels = x.spec().dim(-1);
  check_groups("conv2d", "input channels", channels, options.groups, name);
  const Shape shape = {out_channels, kernel.rows, kernel.columns, channels / options.groups};
  const Initializer initial = init::layer_default(shape);
  const Var w = x.graph().parameter(name + ".weight", shape, initial);
  return tessera::conv2d(x, w, bias(x.graph(), name, out_channels, initial, options.bias), options,
                         name);
}

Var conv_transpose2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
                     const ConvTranspose2dOptions& options) {
  check_groups("conv_transpose2d", "output channels", out_channels, options.groups, name);
  const std::int64_t channels = out_channels / options.groups;
  const Shape shape = {x.spec().dim(-1), kernel.rows, kernel.columns, channels};
  const Initializer initial = init::layer_default(shape);
  const Var w = x.graph().parameter(name + ".weight", shape, initial);
  return tessera::conv_transpose2d(x, w, bias(x.graph(), name, out_channels, initial, options.bias),
                                   options, name);
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
