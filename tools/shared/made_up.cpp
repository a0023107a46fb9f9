#include "tools/shared/made_up.h"

#include <fmt/core.h>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tools/shared/image_size.h"
#include "tools/shared/networks.h"

namespace tessera::tools {

void MadeUpModel::add(CLI::App& command) {
  command.add_option("--model", name, "the model: an ONNX file, or a name from `tessera models`");
  add_size_option(command, size, "the size that the model was published for");
  command
      .add_option("--channels", channels,
                  "channels of an image (default: the channels of the model)")
      ->check(at_least<std::int64_t>(1));
  command
      .add_option("--classes", classes,
                  "number of classes (default: the number that the model was published for)")
      ->check(at_least<std::int64_t>(1));
}

ImageModel MadeUpModel::make() const {
  ImageInput input = published_input(name);
  if (!size.empty()) {
    const auto [height, width] = parse_size(size);
    input.height = height;
    input.width = width;
  }
  if (channels > 0) input.channels = channels;
  const std::int64_t count = classes == 0 && !is_onnx(name) ? model_info(name).classes : classes;
  constexpr std::int64_t most = 1 << 24;
  if (count > most)
    throw Error("--classes", fmt::format("found {}, expected at most {}", count, most));
  return open_model(name, input,
                    std::vector<std::string>(static_cast<std::size_t>(count), "class"));
}

}  // namespace tessera::tools
