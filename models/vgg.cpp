// VGG as torchvision builds them: Simonyan, Zisserman, "Very Deep Convolutional Networks for
// Large-Scale Image Recognition" (2014), with and without batch norm; and one for CIFAR, with a
// single dense layer.
#include <fmt/format.h>

#include <array>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

constexpr std::int64_t widths[] = {64, 128, 256, 512, 512};

struct Design {
  std::array<int, 5> convs;  ///< of each width, followed by a pool
  bool norms;
  bool cifar = false;  ///< a single dense layer after the last pool
};

Var vgg(Var x, const Design& design, std::int64_t classes, const ModelOptions& options) {
  int number = 0;
  const auto next = [&] { return fmt::format("features.{}", number++); };
  for (std::size_t stage = 0; stage < design.convs.size(); ++stage) {
    for (int i = 0; i < design.convs[stage]; ++i) {
      x = layers::conv2d(x, next(), widths[stage], 3, {.padding = {1, 1}},
                         {kaiming_fan_out, init::constant(0)});
      if (design.norms) x = layers::batch_norm2d(x, next());
      x = relu(x, next());
    }
    x = max_pool2d(x, {}, next());
  }
  if (design.cifar) return layers::dense(flatten(x), "classifier", classes, normal_weights(0.01));
  x = flatten(adaptive_avg_pool2d(x, {7, 7}));
  const double p = options.dropout.value_or(0.5);
  for (int i : {0, 3}) {
    x = layers::dense(x, fmt::format("classifier.{}", i), 4096, normal_weights(0.01));
    x = layers::dropout(relu(x), fmt::format("classifier.{}", i + 2), p);
  }
  return layers::dense(x, "classifier.6", classes, normal_weights(0.01));
}

Architecture architecture(int depth, const Design& design) {
  const bool cifar = design.cifar;
  return {{fmt::format("vgg{}{}{}", depth, design.norms ? "_bn" : "", cifar ? "_cifar" : ""),
           cifar ? 32 : 224, cifar ? 10 : 1000},
          [design](Var x, std::int64_t classes, const ModelOptions& options) {
            return vgg(x, design, classes, options);
          }};
}

}  // namespace

std::vector<Architecture> vggs() {
  std::vector<Architecture> all;
  for (const bool norms : {false, true}) {
    all.push_back(architecture(11, {{1, 1, 2, 2, 2}, norms}));
    all.push_back(architecture(13, {{2, 2, 2, 2, 2}, norms}));
    all.push_back(architecture(16, {{2, 2, 3, 3, 3}, norms}));
    all.push_back(architecture(19, {{2, 2, 4, 4, 4}, norms}));
  }
  all.push_back(architecture(11, {{1, 1, 2, 2, 2}, true, true}));
  return all;
}

}  // namespace tessera::models
