#include "tessera/layers.h"

#include <algorithm>
#include <optional>

#include "engine/base/philox.h"
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

struct Weights {
  Var w;
  std::optional<Var> b;
};

/// Creates a weight, and a bias if `biases` is above 0.
Weights weights(Graph& graph, const std::string& name, const Shape& shape, std::int64_t biases,
                const Initial& initial) {
  const Var w = graph.parameter(name + ".weight", shape, initial.weight(shape));
  if (biases == 0) return {w, {}};
  const Initializer of_bias = initial.bias ? *initial.bias : init::layer_default(shape);
  return {w, graph.parameter(name + ".bias", {biases}, of_bias)};
}

std::optional<Affine> affine(Graph& graph, const std::string& name, const Shape& shape,
                             bool wanted) {
  if (!wanted) return {};
  const Var weight = graph.parameter(name + ".weight", shape, init::constant(1));
  return Affine{weight, graph.parameter(name + ".bias", shape, init::constant(0))};
}

}  // namespace

Var conv2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
           const Conv2dOptions& options, const Initial& initial) {
  const std::int64_t channels = x.spec().dim(-1);
  check_groups("conv2d", "input channels", channels, options.groups, name);
  const Shape shape = {out_channels, kernel.rows, kernel.columns, channels / options.groups};
  const auto [w, b] = weights(x.graph(), name, shape, options.bias ? out_channels : 0, initial);
  return tessera::conv2d(x, w, b, options, name);
}

Var conv_transpose2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
                     const ConvTranspose2dOptions& options, const Initial& initial) {
  check_groups("conv_transpose2d", "output channels", out_channels, options.groups, name);
  const std::int64_t channels = out_channels / options.groups;
  const Shape shape = {x.spec().dim(-1), kernel.rows, kernel.columns, channels};
  const auto [w, b] = weights(x.graph(), name, shape, options.bias ? out_channels : 0, initial);
  return tessera::conv_transpose2d(x, w, b, options, name);
}

Var dense(Var x, const std::string& name, std::int64_t features, const Initial& initial) {
  const auto [w, b] = weights(x.graph(), name, {features, x.spec().dim(-1)}, features, initial);
  return tessera::dense(x, w, b, name);
}

Var embedding(Var index, const std::string& name, std::int64_t count, std::int64_t features) {
  const Var w = index.graph().parameter(name + ".weight", {count, features}, init::normal());
  return tessera::embedding(w, index, name);
}

Var batch_norm2d(Var x, const std::string& name, const BatchNormOptions& options) {
  Graph& graph = x.graph();
  const Shape shape = {x.spec().dim(-1)};
  const auto weights = affine(graph, name, shape, options.affine);
  const Var mean = graph.state(name + ".running_mean", {DType::f32, shape}, init::constant(0));
  const Var var = graph.state(name + ".running_var", {DType::f32, shape}, init::constant(1));
  if (graph.mode() == Mode::training) return batch_norm(x, mean, var, weights, options, name);
  return batch_norm_inference(x, mean, var, weights, options.eps, name);
}

Var layer_norm(Var x, const std::string& name, std::int64_t dimensions,
               const NormOptions& options) {
  const std::int64_t rank = x.spec().rank();
  const Shape shape(x.shape().end() - std::clamp<std::int64_t>(dimensions, 0, rank),
                    x.shape().end());
  return tessera::layer_norm(x, dimensions, affine(x.graph(), name, shape, options.affine),
                             options.eps, name);
}

Var group_norm(Var x, const std::string& name, std::int64_t groups, const NormOptions& options) {
  const auto weights = affine(x.graph(), name, {x.spec().dim(-1)}, options.affine);
  return tessera::group_norm(x, groups, weights, options.eps, name);
}

Var instance_norm(Var x, const std::string& name, const NormOptions& options) {
  return group_norm(x, name, x.spec().dim(-1), options);
}

Var dropout(Var x, const std::string& name, double p) {
  Graph& graph = x.graph();
  if (graph.mode() == Mode::inference || p == 0) return x;
  Philox random(graph.seed(), name);  // different names give independent seeds
  const std::uint64_t high = random.next(), low = random.next();
  return tessera::dropout(x, draw_counter(graph), p, static_cast<std::int64_t>(high << 32 | low),
                          name);
}

Var stochastic_depth(Var x, const std::string& name, double p) {
  if (x.graph().mode() == Mode::inference || p == 0) return x;
  Shape shape(x.shape().size(), 1);
  shape.at(0) = x.shape().at(0);
  return mul(x, dropout(x.graph().constant(shape, 1), name, p));
}

}  // namespace tessera::layers
