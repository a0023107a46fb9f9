// LeNet-5: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
// Recognition" (1998), with average pools as subsampling, all maps connected and a dense last
// layer.
#include <fmt/format.h>

#include "models/architecture.h"
#include "tessera/layers.h"

namespace tessera::models {
namespace {

Var lenet5(Var x, std::int64_t classes, const ModelOptions&) {
  int number = 1;
  for (std::int64_t channels : {6, 16})
    x = avg_pool2d(tanh(layers::conv2d(x, fmt::format("conv{}", number++), channels, 5)));
  x = flatten(x);
  number = 1;
  for (std::int64_t features : {120, 84})
    x = tanh(layers::dense(x, fmt::format("fc{}", number++), features));
  return layers::dense(x, fmt::format("fc{}", number), classes);
}

}  // namespace

std::vector<Architecture> lenets() { return {{{"lenet5", 32, 10}, lenet5, 32}}; }

}  // namespace tessera::models
