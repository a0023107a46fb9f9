#include "models/tutorial.h"

#include <fmt/format.h>

#include "tessera/error.h"
#include "tessera/layers.h"

namespace tessera::models {

Model tutorial(ImageInput input, std::vector<std::string> classes) {
  constexpr std::int64_t side = 32;
  if (input.height != input.width || input.height < 1 || input.height > side ||
      (side - input.height) % 2 != 0)
    throw Error("tutorial", fmt::format("images are {}x{}, expected a square of an even number of "
                                        "rows up to {}",
                                        input.height, input.width, side));
  input.options.padding = (side - input.height) / 2;
  const auto outputs = static_cast<std::int64_t>(classes.size());
  const auto build = [outputs](Var x) {
    x = max_pool2d(relu(layers::conv2d(x, "conv1", 6, 5), "relu1"), {}, "pool1");
    x = max_pool2d(relu(layers::conv2d(x, "conv2", 16, 5), "relu2"), {}, "pool2");
    x = flatten(x, "flatten");
    x = relu(layers::dense(x, "fc1", 120), "relu3");
    x = relu(layers::dense(x, "fc2", 84), "relu4");
    return layers::dense(x, "fc3", outputs);
  };
  return {"", std::move(input), std::move(classes), build};
}

}  // namespace tessera::models
