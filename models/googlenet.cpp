// GoogLeNet as torchvision builds it: Szegedy et al., "Going Deeper with Convolutions" (2014), with
// batch norm, 3x3 instead of 5x5 convolutions and without auxiliary classifiers.
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

Var conv(Var x, const std::string& name, std::int64_t channels, std::int64_t kernel,
         std::int64_t stride = 1) {
  return relu(conv_norm(x, name + ".conv", name + ".bn", channels, kernel,
                        {.stride = stride, .eps = 1e-3, .weight = normal_weights(0.01).weight}));
}

/// Channels of the branches: 1x1; 1x1 and 3x3; the same again; max pool and 1x1.
struct Inception {
  std::int64_t branch1, reduced2, branch2, reduced3, branch3, branch4;
};

Var inception(Var x, const std::string& name, const Inception& c) {
  const Var largest = max_pool2d(x, {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}});
  return concat(
      {conv(x, name + ".branch1", c.branch1, 1),
       conv(conv(x, name + ".branch2.0", c.reduced2, 1), name + ".branch2.1", c.branch2, 3),
       conv(conv(x, name + ".branch3.0", c.reduced3, 1), name + ".branch3.1", c.branch3, 3),
       conv(largest, name + ".branch4.1", c.branch4, 1)},
      3);
}

Var googlenet(Var x, std::int64_t classes, const ModelOptions& options) {
  const std::vector<Inception> stages[] = {
      {{64, 96, 128, 16, 32, 32}, {128, 128, 192, 32, 96, 64}},
      {{192, 96, 208, 16, 48, 64},
       {160, 112, 224, 24, 64, 64},
       {128, 128, 256, 24, 64, 64},
       {112, 144, 288, 32, 64, 64},
       {256, 160, 320, 32, 128, 128}},
      {{256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128}}};
  const auto pool = [](Var y, int number, std::int64_t kernel) {
    return max_pool2d(y, {.kernel = {kernel, kernel}, .stride = {2, 2}, .ceil_mode = true},
                      fmt::format("maxpool{}", number));
  };
  x = pool(conv(x, "conv1", 64, 7, 2), 1, 3);
  x = pool(conv(conv(x, "conv2", 64, 1), "conv3", 192, 3), 2, 3);
  int number = 3;
  for (const std::vector<Inception>& stage : stages) {
    if (number > 3) x = pool(x, number - 1, number == 4 ? 3 : 2);
    char letter = 'a';
    for (const Inception& channels : stage)
      x = inception(x, fmt::format("inception{}{}", number, letter++), channels);
    ++number;
  }
  x = layers::dropout(global_mean(x), "dropout", options.dropout.value_or(0.2));
  return layers::dense(x, "fc", classes, {.weight = normal_weights(0.01).weight});
}

}  // namespace

std::vector<Architecture> googlenets() { return {{{"googlenet", 224, 1000}, googlenet}}; }

}  // namespace tessera::models
