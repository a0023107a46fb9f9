// AlexNet as torchvision builds it: Krizhevsky, "One weird trick for parallelizing convolutional
// neural networks" (2014).
#include <fmt/format.h>

#include "models/architecture.h"
#include "models/blocks.h"

namespace tessera::models {
namespace {

struct Conv {
  std::int64_t channels, kernel, stride, padding;
  bool pooled;  ///< followed by a max pool
};

constexpr Conv convs[] = {{64, 11, 4, 2, true},
                          {192, 5, 1, 2, true},
                          {384, 3, 1, 1, false},
                          {256, 3, 1, 1, false},
                          {256, 3, 1, 1, true}};

Var alexnet(Var x, std::int64_t classes, const ModelOptions& options) {
  int number = 0;
  for (const Conv& conv : convs) {
    x = relu(layers::conv2d(
        x, fmt::format("features.{}", number), conv.channels, conv.kernel,
        {.stride = {conv.stride, conv.stride}, .padding = {conv.padding, conv.padding}}));
    if (conv.pooled) x = max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}});
    number += conv.pooled ? 3 : 2;
  }
  x = flatten(adaptive_avg_pool2d(x, {6, 6}));
  const double p = options.dropout.value_or(0.5);
  for (int i : {0, 3})
    x = relu(layers::dense(layers::dropout(x, fmt::format("classifier.{}", i), p),
                           fmt::format("classifier.{}", i + 1), 4096));
  return layers::dense(x, "classifier.6", classes);
}

}  // namespace

std::vector<Architecture> alexnets() { return {{{"alexnet", 224, 1000}, alexnet}}; }

}  // namespace tessera::models
