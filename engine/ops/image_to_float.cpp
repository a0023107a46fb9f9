// image_to_float(x): bytes to numbers, y = (x / 255 - mean[c]) / deviation[c]. Attributes: padding
// (rows and columns of byte 0 on each side), mean and deviation (one number per channel).
#include "engine/ops/image_to_float.h"

#include <algorithm>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::u8, 4);
  const Shape& x = context.inputs[0].shape;
  const std::int64_t padding = check_image_attributes(context);
  return {{DType::f32, {x[0], x[1] + 2 * padding, x[2] + 2 * padding, x[3]}}};
}

}  // namespace

std::int64_t check_image_attributes(const InferContext& context) {
  const std::int64_t channels = context.inputs[0].shape[3];
  const std::int64_t padding = context.attributes.integer("padding");
  ops::check(padding >= 0 && padding <= ops::most_size, "padding is {}, expected 0 to {}", padding,
             ops::most_size);
  for (const char* name : {"mean", "deviation"}) {
    const auto count = static_cast<std::int64_t>(context.attributes.numbers(name).size());
    ops::check(count == channels, "{} has {} numbers, expected one for each of {} channels", name,
               count, channels);
  }
  const auto& deviation = context.attributes.numbers("deviation");
  ops::check(std::all_of(deviation.begin(), deviation.end(), [](double d) { return d > 0; }),
             "deviation has a number that is not above 0");
  return padding;
}

Attributes image_attributes(Var x, const ImageOptions& options) {
  constexpr std::int64_t most = 65536;
  const std::int64_t found = x.spec().dim(-1);
  if (found > most)
    throw Error("image", fmt::format("{} channels, expected at most {}", found, most));
  const auto channels = static_cast<std::size_t>(found);
  const auto or_default = [&](const std::vector<double>& values, double value) {
    return values.empty() ? std::vector<double>(channels, value) : values;
  };
  return {{"padding", options.padding},
          {"mean", or_default(options.mean, 0.0)},
          {"deviation", or_default(options.deviation, 1.0)}};
}

std::vector<float> image_factors(const Attributes& attributes) {
  const auto& mean = attributes.numbers("mean");
  const auto& deviation = attributes.numbers("deviation");
  std::vector<float> factors;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    factors.push_back(static_cast<float>(1 / (255 * deviation[c])));
    factors.push_back(static_cast<float>(-mean[c] / deviation[c]));
  }
  return factors;
}

Var image_to_float(Var x, const ImageOptions& options, std::string name) {
  return x.graph().add("image_to_float", {x}, image_attributes(x, options), std::move(name))[0];
}

std::vector<Op> ops::image_to_float_ops() {
  return {{.name = "image_to_float",
           .infer = infer,
           .doc = {"y = (x / 255 - mean[c]) / deviation[c], after padding with bytes 0",
                   "x u8 [N,H,W,C] -> y f32 [N,H+2*padding,W+2*padding,C]",
                   "padding, mean and deviation (a number for each channel, or none)"}}};
}

}  // namespace tessera
