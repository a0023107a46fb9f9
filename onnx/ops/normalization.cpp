// Norms of batches, layers, instances, groups and neighboring channels, and softmax.
#include <fmt/format.h>

#include <algorithm>

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

/// Input 0, of at least [N,C].
Tensor with_channels(Call& call) {
  const Tensor x = call.tensor(0);
  if (rank_of(x) < 2)
    throw Error("onnx", fmt::format("input is {}, expected [N,C,...]", to_string(shape_of(x))));
  return x;
}

Results batch_normalization(Call& call) {
  call.expect("spatial", 1);
  const Tensor x = with_channels(call);
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
  const Tensor x = with_channels(call);
  const Axes last = channels_last(rank_of(x));
  return {Tensor{instance_norm(ordered(x, last), affine(call, 1, 2),
                               call.number("epsilon", usual_eps), call.name()),
                 last}};
}

/// Until opset 20 scale and bias are per group, then per channel.
Var of_channels(Var weight, std::int64_t channels) {
  const std::int64_t groups = weight.spec().elements();
  if (groups == channels) return weight;
  if (groups == 0 || channels % groups != 0)
    throw Error("onnx", fmt::format("scale or bias has {} elements, expected {} channels or a part",
                                    groups, channels));
  return reshape(expand(reshape(weight, {groups, 1}), {groups, channels / groups}), {channels});
}

Results group_normalization(Call& call) {
  const Tensor x = with_channels(call);
  const Axes last = channels_last(rank_of(x));
  const Affine weights = affine(call, 1, 2);
  const std::int64_t channels = shape_of(x)[1];
  return {Tensor{
      group_norm(ordered(x, last), call.size("num_groups", 0),
                 Affine{of_channels(weights.weight, channels), of_channels(weights.bias, channels)},
                 call.number("epsilon", usual_eps), call.name()),
      last}};
}

/// Computes the sum over adjacent channels as a mean over windows, with the channels as columns.
Results local_response_normalization(Call& call) {
  const Tensor x = with_channels(call);
  const Axes last = channels_last(rank_of(x));
  const Var y = ordered(x, last);
  const std::int64_t size = call.size("size", 0), C = y.spec().dim(-1);
  if (C == 0) return {x};
  // A larger window has no more channels.
  const std::int64_t before = std::min(C, (size - 1) / 2), after = std::min(C, size / 2);
  const std::int64_t window = before + 1 + after;
  const double alpha =
      call.number("alpha", 0.0001) * static_cast<double>(window) / static_cast<double>(size);
  const Var squares = pad(reshape(square(y), {1, y.spec().elements() / C, C, 1}),
                          {{0, 0}, {0, 0}, {before, after}, {0, 0}});
  const Var means = avg_pool2d(squares, {.kernel = {1, window}, .stride = {1, 1}}, call.name());
  const Var scale = add(mul(reshape(means, y.shape()), alpha), call.number("bias", 1));
  return {Tensor{div(y, pow(scale, call.number("beta", 0.75))), last}};
}

Results mean_variance_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const auto places = places_of(x, checked_axes(call.integers("axes", {0, 2, 3}), rank_of(x)));
  const Var centered = sub(x.var, mean(x.var, places, {.keepdim = true}));
  const Var deviation = sqrt(mean(square(centered), places, {.keepdim = true}));
  return {Tensor{div(centered, add(deviation, 1e-9)), x.axes}};
}

Results lp_normalization(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t place = place_of(x, call.integer("axis", -1));
  const auto p = static_cast<double>(call.integer("p", 2));
  const Var length = norm(x.var, p, {place}, {.keepdim = true});
  // Zeros stay zeros.
  return {Tensor{div(x.var, add(length, equal(length, call.graph().constant({}, 0)))), x.axes}};
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
  return {{"BatchNormalization", {5, 5}, batch_normalization},
          {"GroupNormalization", three, group_normalization},
          {"InstanceNormalization", three, instance_normalization},
          {"LRN", one, local_response_normalization},
          {"LayerNormalization", {2, 3}, layer_normalization},
          {"LogSoftmax", one, softmax_of<log_softmax>},
          {"LpNormalization", one, lp_normalization},
          {"MeanVarianceNormalization", one, mean_variance_normalization},
          {"Softmax", one, softmax_of<softmax>}};
}

}  // namespace tessera::importer
