// `tessera predict`: prints the most probable classes of images.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "tessera/classifier_group.h"
#include "tessera/error.h"
#include "tools/predict/model_options.h"
#include "tools/shared/json_text.h"
#include "tools/shared/model_file.h"
#include "tools/shared/networks.h"
#include "tools/shared/number_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

constexpr std::size_t batch_size = 32;

struct Arguments {
  ModelOptions model;
  std::vector<std::string> images;
  bool json = false;
  std::int64_t top = 3;
};

/// Adds the paths on standard input, one per line. Drops a byte order mark and the CR of CR LF.
void add_listed(std::vector<std::string>& images) {
  bool is_first = true;
  for (std::string line; std::getline(std::cin, line); is_first = false) {
    if (is_first && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) images.push_back(line);
  }
}

/// Expands the arguments to a list of images.
std::vector<std::string> list_images(const std::vector<std::string>& arguments) {
  std::vector<std::string> images;
  for (const std::string& argument : arguments) {
    if (argument == "-") {
      add_listed(images);
    } else if (std::filesystem::is_directory(argument)) {
      const auto [found, passed_over] = find_images(argument);
      if (!passed_over.empty()) print_note("note: " + passed_over);
      if (found.empty()) throw Error(argument, "contains no images");
      images.insert(images.end(), found.begin(), found.end());
    } else {
      images.push_back(argument);
    }
  }
  return images;
}

/// Returns the number of a test image, or nothing for the path of an image file.
std::optional<std::int64_t> number_of(const std::string& image) {
  std::int64_t number = 0;
  const char* end = image.data() + image.size();
  const auto parsed = std::from_chars(image.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {};
  return number;
}

/// Returns how many images at the front are all numbers or all files, at most a batch.
std::size_t alike(std::span<const std::string> images) {
  std::size_t count = 1;
  const bool numbers = number_of(images[0]).has_value();
  while (count < std::min(batch_size, images.size()) &&
         number_of(images[count]).has_value() == numbers)
    ++count;
  return count;
}

/// An unreadable image, and the reason.
struct Bad {
  std::string image, problem;
};

struct Pictures {
  std::vector<std::string> images;   ///< as given on the command line
  std::vector<std::string> labels;   ///< the true classes, empty where unknown
  std::vector<std::uint8_t> pixels;  ///< [N,H,W,C]
  std::vector<Bad> bad;

  void add(const std::string& image, const ImageDataset& dataset, std::int64_t index) {
    const std::size_t begin = pixels.size();
    pixels.resize(begin + static_cast<std::size_t>(dataset.image_bytes()));
    const auto label =
        static_cast<std::size_t>(dataset.read(index, std::span(pixels).subspan(begin)));
    images.push_back(image);
    labels.push_back(dataset.classes().at(label));
  }
};

/// Reads images by file name, or by number from the test images of a data set, which the first
/// number loads.
class Reader {
 public:
  Reader(OpenedNetwork& opened, const DataOptions& data) : opened_(opened), data_(data) {}

  /// All numbers, or all files.
  Pictures read(std::span<const std::string> images) {
    Pictures pictures;
    if (number_of(images[0])) {
      for (const std::string& image : images) add_numbered(image, *number_of(image), pictures);
      return pictures;
    }
    DatasetOptions options = dataset_options(data_, opened_.checkpoint);
    options.skip_bad = true;  // the other images are still classified
    const auto files = load_pictures({images.begin(), images.end()}, options);
    const std::vector<std::string> problems = files->skipped();
    std::int64_t good = 0;
    for (const std::string& image : images) {  // in their order
      if (good < files->size() && files->file_of(good) == image)
        pictures.add(image, *files, good++);
      else
        pictures.bad.push_back({image, problems.at(pictures.bad.size())});
    }
    return pictures;
  }

 private:
  void add_numbered(const std::string& image, std::int64_t number, Pictures& pictures) {
    const ImageDataset& dataset = loaded();
    if (number < 0 || number >= dataset.size())
      throw Error("predict", fmt::format("image number {} is out of range, expected 0 to {}",
                                         number, dataset.size() - 1));
    pictures.add(image, dataset, number);
  }

  const ImageDataset& loaded() {
    if (!dataset_) {
      const std::string name = data_.name.empty() ? opened_.checkpoint.training.data : data_.name;
      if (name.empty())
        throw Error("predict",
                    "the model does not name a data set for image numbers; choose one with --data");
      dataset_ = load_test(opened_, name, data_);
    }
    return *dataset_;
  }

  OpenedNetwork& opened_;
  const DataOptions& data_;
  std::unique_ptr<ImageDataset> dataset_;
};

/// Returns the most probable classes, the most probable first.
std::vector<std::size_t> best(std::span<const float> probabilities, std::int64_t count) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] > probabilities[b];
  });
  order.resize(std::min(static_cast<std::size_t>(count), order.size()));
  return order;
}

/// Prints each result at once, or all as JSON at the end.
class Printer {
 public:
  Printer(const Arguments& arguments, const std::vector<std::string>& classes)
      : arguments_(arguments), classes_(classes) {}

  void add(const std::string& image, const std::string& label,
           std::span<const float> probabilities) {
    nlohmann::ordered_json found = nlohmann::ordered_json::array();
    if (!arguments_.json) print("{}{}\n", image, label.empty() ? "" : " (label: " + label + ")");
    for (std::size_t i : best(probabilities, arguments_.top)) {
      if (arguments_.json)
        found.push_back({{"name", classes_[i]}, {"probability", probabilities[i]}});
      else
        print("  {:>6} %  {}\n", percent_text(static_cast<double>(probabilities[i]), 2),
              classes_[i]);
    }
    if (!arguments_.json) return;
    nlohmann::ordered_json answer = {{"image", image}, {"classes", found}};
    if (!label.empty()) answer["label"] = label;
    answers_.push_back(answer);
  }

  void add(const Pictures& pictures, std::span<const float> probabilities) {
    const std::size_t classes = classes_.size();
    for (std::size_t i = 0; i < pictures.images.size(); ++i)
      add(pictures.images[i], pictures.labels[i], probabilities.subspan(i * classes, classes));
  }

  /// Also names it on standard error, so that nobody has to search the results for missing images.
  void add(const Bad& bad) {
    if (arguments_.model.data.skip_bad)
      print_note("skipped: " + bad.problem);
    else
      print_error(bad.problem);
    failed_.push_back({{"image", bad.image}, {"error", bad.problem}});
  }

  void finish() const {
    if (arguments_.json)
      print_text(
          json_text({{"images", answers_}, {"skipped", failed_.size()}, {"errors", failed_}}) +
          "\n");
    else if (!failed_.empty() && arguments_.model.data.skip_bad)
      print("{} skipped\n", failed_.size());
    if (!failed_.empty() && !arguments_.model.data.skip_bad) throw CLI::RuntimeError(1);
  }

 private:
  const Arguments& arguments_;
  const std::vector<std::string>& classes_;
  nlohmann::ordered_json answers_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json failed_ = nlohmann::ordered_json::array();
};

/// Throws Error that shows the order of the arguments if they are swapped.
void check_order(const Arguments& arguments) {
  const auto usage = [](const std::string& model) {
    return fmt::format("; the model comes before the images: `tessera predict {} IMAGE`", model);
  };
  const auto& images = arguments.images;
  const bool has_model = looks_like_model(arguments.model.model);
  if (has_model && std::all_of(images.begin(), images.end(), looks_like_model))
    throw Error(images[0], "is a model, expected an image" + usage("MODEL"));
  if (has_model) return;
  const auto model = std::find_if(images.begin(), images.end(), looks_like_model);
  if (model != images.end())
    throw Error(arguments.model.model,
                fmt::format("is not a model, but '{}' is one{}", *model, usage(*model)));
  if (const std::string problem = why_no_model(arguments.model.model); !problem.empty())
    throw Error(arguments.model.model, problem + ", expected a model" + usage("MODEL"));
}

void run(const Arguments& arguments) {
  check_order(arguments);
  OpenedNetwork opened = arguments.model.open();
  const std::vector<std::string> images = list_images(arguments.images);
  Reader reader(opened, arguments.model.data);
  const DeviceGroup devices = arguments.model.device.open_group();
  const auto network = load(devices.leader(), opened);
  ClassifierGroup group(*network, devices, print_note);
  Printer printer(arguments, opened.checkpoint.classes);
  std::deque<Pictures> read;  // and not printed
  const auto print_bad = [&] {
    for (const Bad& bad : read.front().bad) printer.add(bad);
  };
  const auto next = [&, left = std::span<const std::string>(images)]() mutable {
    std::optional<ImageBatch> batch;
    while (!batch && !left.empty()) {
      const std::size_t taken = alike(left);
      Pictures& pictures = read.emplace_back(reader.read(left.first(taken)));
      left = left.subspan(taken);
      if (!pictures.images.empty())
        batch = ImageBatch{std::move(pictures.pixels),
                           std::vector<std::int32_t>(pictures.images.size())};
    }
    return batch;
  };
  const auto take = [&](const ImageBatch&, const ImageAnswers& answers) {
    for (; read.front().images.empty(); read.pop_front()) print_bad();
    print_bad();
    printer.add(read.front(), answers.probabilities);
    read.pop_front();
  };
  group.answer(next, take, arguments.model.weights());
  for (; !read.empty(); read.pop_front()) print_bad();
  printer.finish();
}

}  // namespace

void add_predict_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict", "Classify images");
  auto arguments = std::make_shared<Arguments>();
  arguments->model.add(
      *command, "data set for image numbers (default: the one that the model was trained on)",
      "the size in an ONNX file");
  command
      ->add_option("images", arguments->images,
                   "PNG, JPEG, WebP, TIFF, BMP, GIF, PGM or PPM files (scaled to the model's "
                   "size), folders of image files, - for a list of paths on standard input, or "
                   "numbers of test images of the data set")
      ->required();
  command->add_option("--top", arguments->top, "number of classes to print for each image")
      ->check(at_least<std::int64_t>(1));
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::tools
