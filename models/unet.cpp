// A small U-Net: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image
// Segmentation" (2015), with batch norm and padding that keeps the size.
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

constexpr std::int64_t widths[] = {32, 64, 128, 256};

Var double_conv(Var x, const std::string& name, std::int64_t channels) {
  for (int i : {1, 2})
    x = relu(conv_norm(x, fmt::format("{}.conv{}", name, i), fmt::format("{}.bn{}", name, i),
                       channels, 3));
  return x;
}

/// Upsamples x to the size of `detail` and concatenates both.
Var up(Var x, Var detail, const std::string& name) {
  const Shape small = x.shape(), large = detail.shape();
  x = layers::conv_transpose2d(
      x, name, large[3], 2,
      {.stride = {2, 2}, .output_padding = {large[1] - 2 * small[1], large[2] - 2 * small[2]}});
  return concat({detail, x}, 3);
}

Var unet(Var x, std::int64_t classes, const ModelOptions&) {
  std::vector<Var> details;
  for (std::int64_t width : widths) {
    if (!details.empty()) x = max_pool2d(x);
    x = double_conv(x, fmt::format("encoder{}", details.size() + 1), width);
    details.push_back(x);
  }
  for (std::size_t level = details.size() - 1; level > 0; --level) {
    x = up(x, details[level - 1], fmt::format("up{}", level));
    x = double_conv(x, fmt::format("decoder{}", level), details[level - 1].shape()[3]);
  }
  return layers::conv2d(x, "head", classes, 1);
}

}  // namespace

std::vector<Architecture> unets() { return {{{"unet", 256, 2, false}, unet}}; }

}  // namespace tessera::models
