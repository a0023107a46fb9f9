// Norms and softmax; batch norms that are folded into the preceding filters.
#include <cmath>

#include "engine/ops/normalization.h"
#include "onnx/export/op_table.h"
#include "tessera/error.h"

namespace tessera::exporter {
namespace {

NamedAttributes eps_of(const Call& call) { return {{"epsilon", call.attributes().number("eps")}}; }

/// Returns a weight or bias, or the neutral one.
std::string weights(Call& call, std::size_t input, std::int64_t count, float otherwise) {
  if (input < call.inputs()) return call.plain(input);
  return call.floats(otherwise == 1 ? "weight" : "bias", {count},
                     std::vector<float>(static_cast<std::size_t>(count), otherwise));
}

void batch_norm(Call& call) {
  const BatchNormInputs inputs(call.inputs());
  if (inputs.residual > 0) throw Error("has a residual, expected a graph before fuse()");
  const std::int64_t channels = call.shape(0).back();
  call.set_image(call.add("BatchNormalization",
                          {call.image(0), weights(call, 3, channels, 1),
                           weights(call, 4, channels, 0), call.plain(1), call.plain(2)},
                          eps_of(call)));
}

/// Returns how many of the last dimensions have so many elements; 0: none.
std::size_t dimensions_of(const Shape& shape, std::int64_t elements) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (count *= shape[shape.size() - 1 - i]; count == elements) return i + 1;
  return 0;
}

void layer_norm(Call& call, std::size_t dimensions) {
  const Shape& x = call.shape(0);
  const Shape kept(x.end() - static_cast<std::ptrdiff_t>(dimensions), x.end());
  std::vector<std::string> inputs = {call.plain(0)};
  for (std::size_t i = 1; i < call.inputs(); ++i)
    inputs.push_back(dimensions == 1
                         ? call.plain(i)
                         : call.add("Reshape", {call.plain(i), call.integers("shape", kept)}));
  if (inputs.size() == 1)
    inputs.push_back(call.floats(
        "weight", kept, std::vector<float>(static_cast<std::size_t>(element_count(kept)), 1.0f)));
  NamedAttributes attributes = eps_of(call);
  attributes.emplace_back("axis", -static_cast<std::int64_t>(dimensions));
  call.set_plain(call.add("LayerNormalization", inputs, attributes));
}

/// Exports each group as one channel of an InstanceNormalization.
void group_norm(Call& call) {
  const std::int64_t groups = call.integer("groups"), channels = call.integer("channels");
  const std::size_t rank = call.rank(0);
  if (groups == channels && rank > 2)
    return call.set_image(
        call.add("InstanceNormalization",
                 {call.image(0), weights(call, 1, channels, 1), weights(call, 2, channels, 0)},
                 eps_of(call)));
  const std::string grouped =
      call.add("Reshape", {call.image(0), call.integers("groups", {0, groups, -1})});
  const std::vector<float> ones(static_cast<std::size_t>(groups), 1), zeros(ones.size(), 0);
  const std::string normal = call.add(
      "InstanceNormalization",
      {grouped, call.floats("ones", {groups}, ones), call.floats("zeros", {groups}, zeros)},
      eps_of(call));
  const Axes axes = importer::channels_first(rank);
  std::string y = call.add(
      "Reshape", {normal, call.integers("shape", call.writer().open_shape(call.output(), axes))});
  const char* const ops[] = {"Mul", "Add"};
  for (std::size_t i = 1; i < call.inputs(); ++i)
    y = call.add(ops[i - 1], {y, call.writer().in_order(call.input(i), rank, axes)});
  call.set(y, axes);
}

void normalize(Call& call) {
  const std::size_t last = dimensions_of(call.shape(0), call.integer("channels"));
  const std::int64_t samples = call.integer("samples"), groups = call.integer("groups");
  const std::int64_t all = element_count(call.shape(0));
  if (groups == 1 && last > 0 && samples * call.integer("channels") == all)
    return layer_norm(call, last);
  if (call.rank(0) >= 2 && samples == call.shape(0)[0] &&
      call.shape(0).back() == call.integer("channels"))
    return group_norm(call);
  throw Error("normalizes neither the last dimensions nor groups of channels");
}

using Floats = std::vector<float>;

std::string bias_name(const std::string& weight) {
  const std::string ending = ".weight";
  return (weight.ends_with(ending) ? weight.substr(0, weight.size() - ending.size()) : weight) +
         ".bias";
}

/// Computes the folded weights, as the device does after parameters change.
void fold(Call& call) {
  const BatchNormInputs inputs(call.inputs());
  Writer& writer = call.writer();
  const auto floats = [&](std::size_t i) { return writer.floats(call.input(i)); };
  Floats w = floats(0);
  const Floats mean = floats(1), variance = floats(2);
  const Floats gamma = inputs.affine ? floats(3) : Floats(mean.size(), 1);
  Floats b = inputs.affine ? floats(4) : Floats(mean.size(), 0);
  const Floats before = inputs.residual > 0 ? floats(inputs.residual) : Floats(mean.size(), 0);
  const std::size_t row = w.size() / mean.size();
  for (std::size_t k = 0; k < mean.size(); ++k) {
    const double s = static_cast<double>(gamma[k]) /
                     std::sqrt(static_cast<double>(variance[k]) + call.attributes().number("eps"));
    for (std::size_t i = k * row; i < (k + 1) * row; ++i)
      w[i] = static_cast<float>(static_cast<double>(w[i]) * s);
    b[k] = static_cast<float>(static_cast<double>(b[k]) +
                              (static_cast<double>(before[k]) - static_cast<double>(mean[k])) * s);
  }
  const std::string& name = writer.held_name(call.input(0));
  writer.hold(call.output(0), name, std::move(w));
  writer.hold(call.output(1), bias_name(name), std::move(b));
}

void softmax(Call& call) {
  const Tensor x = call.tensor(0);
  const char* const op = call.op() == "softmax" ? "Softmax" : "LogSoftmax";
  call.set(call.add(op, {x.name}, {{"axis", place_of(x.axes, -1)}}), x.axes);
}

}  // namespace

std::vector<Row> normalization_rows() {
  return {{"batch_norm_inference", batch_norm},
          {"normalize", normalize},
          {"fold_batch_norm", fold},
          {"softmax", softmax},
          {"log_softmax", softmax}};
}

}  // namespace tessera::exporter
