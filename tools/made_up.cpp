#include "tools/made_up.h"

#include "tessera/models.h"
#include "tools/image_size.h"

namespace tessera::tools {

void MadeUpModel::add(CLI::App& command) {
  command.add_option("--model", name, "the network (tessera models lists them)");
  add_size_option(command, size, "those each model was published for");
  command.add_option("--channels", channels, "channels of an image")
      ->check(at_least<std::int64_t>(1));
  command
      .add_option("--classes", classes,
                  "number of classes (default: that each model was published for)")
      ->check(at_least<std::int64_t>(1));
}

Model MadeUpModel::make() const {
  const ModelInfo& info = model_info(name);
  const auto [height, width] = parse_size(size.empty() ? fmt::format("{}", info.side) : size);
  return make_model(info.name, {height, width, channels, {}},
                    std::vector<std::string>(
                        static_cast<std::size_t>(classes > 0 ? classes : info.classes), "class"));
}

}  // namespace tessera::tools
