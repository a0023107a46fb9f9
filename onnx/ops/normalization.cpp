// Norms of batches, layers, instances, groups and neighbouring channels, and softmax.
#include <fmt/format.h>

#include <numeric>

#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

constexpr double usual_eps = 1e-5;

Affine affine(Call& call, std::size_t scale, std::size_t bias) {
  const Var weight = plain_var(call.tensor(scale));
  if (call.has(bias)) return {weight, plain_var(call.tensor(bias))};
  return {weight, call.graph().constant(weight.shape(), 0)};
}

Results batch_normalization(Call& call) {
  call.expect("spatial", 1);
  const Tensor x = call.tensor(0);
  const Axes last = channels_last(rank_of(x));
  const Var channels = ordered(x, last);
  const Affine weights = affine(call, 1, 2);
  const Var mean = call.statistics(3), var = call.statistics(4);
  const double eps = call.number("epsilon", usual_eps);
  if (call.graph().mode() == Mode::training)
    return {
        Tensor{batch_norm(channels, mean, var, weights,
                          {.momentum = 1 - call.number("momentum", 0.9), .eps = eps}, call.name()),
               last}};
  return {Tensor{batch_norm_inference(channels, mean, var, weights, eps, call.name()), last}};
}

Results layer_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t first = checked_axis(call.integer("axis", -1), rank_of(x));
  const double eps = call.number("epsilon", usual_eps);
  const Var y = plain_var(x);
  Results results = {
      plain(layer_norm(y, y.spec().rank() - first, affine(call, 1, 2), eps, call.name()))};
  if (call.outputs() == 1) return results;
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = first; axis < y.spec().rank(); ++axis) axes.push_back(axis);
  results.push_back(plain(mean(y, axes, {.keepdim = true})));
  results.push_back(plain(rsqrt(add(variance(y, axes, {.correction = 0, .keepdim = true}), eps))));
  return results;
}

Results instance_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const Axes last = channels_last(rank_of(x));
  return {Tensor{instance_norm(ordered(x, last), affine(call, 1, 2),
                               call.number("epsilon", usual_eps), call.name()),
                 last}};
}

/// Until opset 20 scale and bias are of groups, then of channels.
Var of_channels(Var weight, std::int64_t channels) {
  const std::int64_t groups = weight.spec().elements();
  if (groups == channels) return weight;
  return reshape(expand(reshape(weight, {groups, 1}), {groups, channels / groups}), {channels});
}

Results group_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const Axes last = channels_last(rank_of(x));
  const Affine weights = affine(call, 1, 2);
  const std::int64_t channels = shape_of(x).at(1);
  return {Tensor{
      group_norm(ordered(x, last), call.integer("num_groups", 0),
                 Affine{of_channels(weights.weight, channels), of_channels(weights.bias, channels)},
                 call.number("epsilon", usual_eps), call.name()),
      last}};
}

/// The sum over neighbouring channels is a mean over windows of columns, if the channels are those.
Results local_response_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const Axes last = channels_last(rank_of(x));
  const Var y = ordered(x, last);
  const std::int64_t size = call.integer("size", 1), C = y.spec().dim(-1);
  const std::int64_t before = (size - 1) / 2;
  const Var squares = pad(reshape(square(y), {1, y.spec().elements() / C, C, 1}),
                          {{0, 0}, {0, 0}, {before, size - 1 - before}, {0, 0}});
  const Var means = avg_pool2d(squares, {.kernel = {1, size}, .stride = {1, 1}}, call.name());
  const Var scale =
      add(mul(reshape(means, y.shape()), call.number("alpha", 0.0001)), call.number("bias", 1));
  return {Tensor{div(y, pow(scale, call.number("beta", 0.75))), last}};
}

Results mean_variance_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const auto places = places_of(x, call.integers("axes", {0, 2, 3}));
  const Var centered = sub(x.var, mean(x.var, places, {.keepdim = true}));
  const Var deviation = sqrt(mean(square(centered), places, {.keepdim = true}));
  return {Tensor{div(centered, add(deviation, 1e-9)), x.axes}};
}

Results lp_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t place = place_of(x, call.integer("axis", -1));
  const auto p = static_cast<double>(call.integer("p", 2));
  return {Tensor{div(x.var, norm(x.var, p, {place}, {.keepdim = true})), x.axes}};
}

/// Before opset 13 all dimensions from the axis on count as one.
template <Var (*function)(Var, std::int64_t, const std::string&)>
Results softmax_of(Call& call) {
  const Tensor x = call.tensor(0);
  const bool flat = call.opset() < 13;
  const std::int64_t axis = checked_axis(call.integer("axis", flat ? 1 : -1), rank_of(x));
  if (!flat || axis + 1 == static_cast<std::int64_t>(rank_of(x)))
    return {Tensor{function(x.var, place_of(x, axis), call.name()), x.axes}};
  const Shape shape = shape_of(x);
  const Shape rows(shape.begin(), shape.begin() + axis), columns(shape.begin() + axis, shape.end());
  const Var matrix = plain_var(reshaped(x, {element_count(rows), element_count(columns)}));
  return {reshaped(plain(function(matrix, -1, call.name())), shape)};
}

}  // namespace

std::vector<Operator> normalization_operators() {
  return {{"BatchNormalization", batch_normalization},
          {"GroupNormalization", group_normalization},
          {"InstanceNormalization", instance_normalization},
          {"LRN", local_response_normalization},
          {"LayerNormalization", layer_normalization},
          {"LogSoftmax", softmax_of<log_softmax>},
          {"LpNormalization", lp_normalization},
          {"MeanVarianceNormalization", mean_variance_normalization},
          {"Softmax", softmax_of<softmax>}};
}

}  // namespace tessera::importer
