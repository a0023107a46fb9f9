// Residual networks: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (2015),
// for ImageNet as torchvision builds them, and the small ones for CIFAR with shortcuts without
// weights (option A of the paper).
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

/// The convolutions of a block, each with its kernel and its multiple of the block's width.
struct Block {
  struct Conv {
    std::int64_t kernel, multiple;
  };
  std::vector<Conv> convs;
  std::size_t strided;  ///< the convolution that has the block's stride
  std::int64_t multiple() const { return convs.back().multiple; }
};

struct Design {
  Block block;
  std::int64_t width;                ///< of the first stage; it doubles from stage to stage
  std::vector<std::int64_t> blocks;  ///< of each stage
  bool cifar = false;  ///< starts with a 3x3 convolution, and shortcuts have no weights
};

const Block basic = {{{3, 1}, {3, 1}}, 0};
const Block bottleneck = {{{1, 1}, {3, 1}, {1, 4}}, 1};

/// Option A: every stride-th row and column, padded with zero channels.
Var plain_shortcut(Var x, std::int64_t channels, std::int64_t stride) {
  for (std::int64_t axis : {1, 2}) x = slice(x, axis, 0, {}, stride);
  const std::int64_t zeros = channels - x.shape()[3];
  return pad(x, {{0, 0}, {0, 0}, {0, 0}, {zeros / 2, zeros - zeros / 2}});
}

Var residual_block(Var x, const std::string& name, const Design& design, std::int64_t width,
                   std::int64_t stride) {
  const Block& block = design.block;
  const std::int64_t channels = width * block.multiple();
  Var y = x;
  for (std::size_t i = 0; i < block.convs.size(); ++i) {
    if (i > 0) y = relu(y);
    y = conv_norm(y, fmt::format("{}.conv{}", name, i + 1), fmt::format("{}.bn{}", name, i + 1),
                  width * block.convs[i].multiple, block.convs[i].kernel,
                  {.stride = i == block.strided ? stride : 1});
  }
  if (stride != 1 || channels != x.shape()[3])
    x = design.cifar ? plain_shortcut(x, channels, stride)
                     : conv_norm(x, name + ".downsample.0", name + ".downsample.1", channels, 1,
                                 {.stride = stride});
  return relu(add(y, x));
}

Var resnet(Var x, const Design& design, std::int64_t classes) {
  const bool cifar = design.cifar;
  x = relu(conv_norm(x, "conv1", "bn1", design.width, cifar ? 3 : 7, {.stride = cifar ? 1 : 2}));
  if (!cifar) x = max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, "maxpool");
  std::int64_t width = design.width;
  for (std::size_t stage = 0; stage < design.blocks.size(); ++stage, width *= 2)
    for (std::int64_t i = 0; i < design.blocks[stage]; ++i)
      x = residual_block(x, fmt::format("layer{}.{}", stage + 1, i), design, width,
                         stage > 0 && i == 0 ? 2 : 1);
  return layers::dense(global_mean(x), "fc", classes);
}

Architecture architecture(int depth, const Design& design) {
  return {{fmt::format("resnet{}", depth), design.cifar ? 32 : 224, design.cifar ? 10 : 1000},
          [design](Var x, std::int64_t classes, const ModelOptions&) {
            return resnet(x, design, classes);
          }};
}

}  // namespace

std::vector<Architecture> resnets() {
  std::vector<Architecture> all = {architecture(18, {basic, 64, {2, 2, 2, 2}}),
                                   architecture(34, {basic, 64, {3, 4, 6, 3}}),
                                   architecture(50, {bottleneck, 64, {3, 4, 6, 3}}),
                                   architecture(101, {bottleneck, 64, {3, 4, 23, 3}})};
  for (int depth : {20, 32, 44, 56, 110}) {
    const int blocks = (depth - 2) / 6;
    all.push_back(architecture(depth, {basic, 16, {blocks, blocks, blocks}, true}));
  }
  return all;
}

}  // namespace tessera::models
