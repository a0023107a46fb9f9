#include "tools/predict/model_options.h"

#include "tools/shared/image_size.h"

namespace tessera::tools {

void ModelOptions::add(CLI::App& command, const std::string& data_help,
                       const std::string& size_default) {
  command.add_option("model,--model", model, "file that `tessera train` wrote, or an ONNX file")
      ->required();
  data.add(command)->description(data_help);
  add_crop_option(command, data.crop);
  add_size_option(command, size, size_default);
  pixels.add(command);
  device.add_list(command);
  command.add_flag("--ema", averaged, "use the averaged weights of `tessera train --ema`");
}

}  // namespace tessera::tools
