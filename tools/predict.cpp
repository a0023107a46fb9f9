// `tessera predict`: the most probable classes of pictures.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "tessera/error.h"
#include "tools/image_file.h"
#include "tools/networks.h"

namespace tessera::tools {
namespace {

struct Arguments {
  std::string model;
  std::vector<std::string> images;
  DataOptions data;
  DeviceOption device;
  PixelOptions pixels;
  bool averaged = false;
  std::int64_t top = 3;
};

/// Pictures by file name, or by number in the test images of a data set that is loaded when the
/// first number turns up.
class Pictures {
 public:
  Pictures(const Checkpoint& checkpoint, const DataOptions& data)
      : checkpoint_(checkpoint), data_(data) {}

  struct Picture {
    std::vector<std::uint8_t> pixels;
    std::string label;  ///< the true class, empty when unknown
  };
  Picture read(const std::string& image) {
    std::int64_t index = 0;
    const char* end = image.data() + image.size();
    const auto parsed = std::from_chars(image.data(), end, index);
    if (parsed.ec != std::errc() || parsed.ptr != end)
      return {read_image(image, checkpoint_.input), ""};
    const Dataset& dataset = loaded();
    if (index < 0 || index >= dataset.size())
      throw Error("predict",
                  fmt::format("there is no image {}, expected 0 to {}", index, dataset.size() - 1));
    Picture picture;
    picture.pixels.resize(static_cast<std::size_t>(dataset.image_bytes()));
    const auto label = static_cast<std::size_t>(dataset.read(index, picture.pixels));
    picture.label = dataset.classes().at(label);
    return picture;
  }

 private:
  const Dataset& loaded() {
    if (!dataset_) {
      const std::string name = data_.name.empty() ? checkpoint_.training.data : data_.name;
      if (name.empty())
        throw Error("predict",
                    "the model names no data set for image numbers; choose one with "
                    "--data");
      dataset_ = load_dataset(name, Split::test, data_.directory);
    }
    return *dataset_;
  }

  const Checkpoint& checkpoint_;
  const DataOptions& data_;
  std::unique_ptr<Dataset> dataset_;
};

void print_top(const std::string& image, const std::string& label,
               const std::vector<std::string>& classes, const std::vector<float>& probabilities,
               std::int64_t top) {
  std::vector<std::size_t> order(classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] > probabilities[b];
  });
  fmt::print("{}{}\n", image, label.empty() ? "" : " (label: " + label + ")");
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(top), order.size()); ++i)
    fmt::print("  {:6.2f} %  {}\n", 100.0 * static_cast<double>(probabilities[order[i]]),
               classes[order[i]]);
}

void run(const Arguments& arguments) {
  const Checkpoint checkpoint = open_network(arguments.model, arguments.data, arguments.pixels);
  Pictures pictures(checkpoint, arguments.data);
  const auto device = arguments.device.open();
  const auto network = load(*device, checkpoint);
  const Weights weights = arguments.averaged ? Weights::averaged : Weights::last;
  for (const std::string& image : arguments.images) {
    const Pictures::Picture picture = pictures.read(image);
    print_top(image, picture.label, checkpoint.classes,
              network->predict(picture.pixels, 1, weights), arguments.top);
  }
}

}  // namespace

void add_predict_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict", "Name what pictures show");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("model,--model", arguments->model,
                   "file that `tessera train` wrote, or an ONNX file")
      ->required();
  command
      ->add_option("images", arguments->images,
                   "PNG, PGM or PPM files (scaled to the model's size), or numbers of test images "
                   "of the data set")
      ->required();
  arguments->data.add(*command)->description(
      "data set that image numbers refer to (default: the one the model was trained on)");
  arguments->pixels.add(*command);
  arguments->device.add(*command);
  command->add_flag("--ema", arguments->averaged,
                    "use the averages of the weights that `tessera train --ema` kept");
  command->add_option("--top", arguments->top, "classes to print for each picture")
      ->check(at_least<std::int64_t>(1));
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::tools
