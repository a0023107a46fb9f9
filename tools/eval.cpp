// `tessera eval`: loss and accuracy of a trained model on a data set.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tessera/error.h"
#include "tools/data_changes.h"
#include "tools/image_size.h"
#include "tools/json_text.h"
#include "tools/networks.h"
#include "tools/number_text.h"
#include "tools/standard_streams.h"

namespace tessera::tools {
namespace {

struct Arguments {
  std::string model;
  DataOptions data;
  DeviceOption device;
  PixelOptions pixels;
  std::string size;
  bool averaged = false;
  bool json = false;
};

void run(const Arguments& arguments) {
  OpenedNetwork opened =
      open_network(arguments.model, arguments.data, arguments.pixels, arguments.size);
  const std::string data =
      arguments.data.name.empty() ? opened.checkpoint.training.data : arguments.data.name;
  if (data.empty())
    throw Error(arguments.model, "names no data set it was trained on; choose one with --data");
  const auto dataset = load_test(opened, data, arguments.data);
  const std::size_t skipped = report_skipped({dataset.get()});
  if (data == opened.checkpoint.training.data)
    warn_of_changes(opened.checkpoint.training, *dataset);
  const auto device = arguments.device.open();
  const auto network = load(*device, opened);
  const Evaluation result = network->evaluate(
      *dataset, evaluation_batch(*dataset), arguments.averaged ? Weights::averaged : Weights::last);
  if (arguments.json) {
    nlohmann::ordered_json j = {
        {"accuracy", result.accuracy}, {"loss", result.loss}, {"images", result.images}};
    if (arguments.data.skip_bad) j["skipped"] = skipped;
    print_text(json_text(j) + "\n");
  } else {
    print("{}: accuracy {:.4f}, loss {} on {} test images of {}{}\n", arguments.model,
          result.accuracy, number_text(result.loss), result.images, data, skipped_text(skipped));
  }
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Measure a trained model on a data set");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("model,--model", arguments->model,
                   "file that `tessera train` wrote, or an ONNX file")
      ->required();
  arguments->data.add(*command)->description(
      "data set whose test images to use (default: the one the model was trained on)");
  add_crop_option(*command, arguments->data.crop);
  add_size_option(*command, arguments->size, "of an ONNX file: its own, or that of the data");
  arguments->pixels.add(*command);
  arguments->device.add(*command);
  command->add_flag("--ema", arguments->averaged,
                    "measure the averages of the weights that `tessera train --ema` kept");
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::tools
