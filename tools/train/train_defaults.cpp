#include "tools/train/train_defaults.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <limits>
#include <locale>
#include <sstream>

#include "tessera/error.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

constexpr std::int64_t default_batch = 32, default_parts = 8;
constexpr std::int64_t most_steps_between_lines = 500, lines_an_epoch = 25;

class BatchChoice {
 public:
  BatchChoice(const TrainArguments& arguments, const ImageDataset& train, const ImageDataset& test,
              ImageClassifier& network)
      : network_(network),
        trainer_(network, options_for(arguments)),
        train_(train.size()),
        test_(std::min(evaluation_batch(test), test.size())) {
    for (const auto& [name, entry] : network.params().entries()) params_ += entry.spec.bytes();
  }

  /// The largest power of two up to `most` whose plans fit, at least 1.
  std::int64_t largest(std::int64_t most) const {
    std::int64_t batch = 1;
    while (2 * batch <= most && fits(2 * batch)) batch *= 2;
    return batch;
  }

 private:
  /// Plans with a constant schedule: memory does not depend on the schedule, whose length is not
  /// known yet.
  static TrainerOptions options_for(const TrainArguments& arguments) {
    TrainArguments constant = arguments;
    constant.schedule = "constant";
    constant.batch = 1;
    return trainer_options(constant, 1);
  }

  bool fits(std::int64_t batch) const {
    // A quarter of the memory is for workspaces, constants, input staging and the driver.
    const std::uint64_t most = network_.device().info().memory_bytes / 4 * 3;
    const std::uint64_t arenas = arena_bytes(batch);
    return arenas <= most && params_ <= most - arenas;
  }

  /// Returns the bytes of the arenas with this batch, or a huge number if a value is larger than
  /// the device allows.
  std::uint64_t arena_bytes(std::int64_t batch) const {
    const PlanOptions options = network_.device().plan_options();
    std::uint64_t all = 0;
    const auto add = [&](Graph graph) { all += Plan(std::move(graph), options).arena_bytes(); };
    const std::int64_t last = train_ % batch;  // the last batch of an epoch
    try {
      for (const std::int64_t images : {batch, last})
        if (images > 0)
          for (Graph& graph : trainer_.graphs(images)) add(std::move(graph));
      add(network_.evaluation_graph(test_));
    } catch (const Error&) {
      return std::numeric_limits<std::uint64_t>::max();
    }
    return all;
  }

  ImageClassifier& network_;
  Trainer trainer_;
  std::int64_t train_, test_;
  std::uint64_t params_ = 0;
};

/// Sets the value of an option. Inserts a missing one in front of `before`, its usual place.
void set_value(std::vector<OptionValue>& values, const std::string& name, std::int64_t number,
               const std::string& before) {
  const auto find = [&](const std::string& wanted) {
    return std::find_if(values.begin(), values.end(),
                        [&](const OptionValue& value) { return value.name == wanted; });
  };
  const std::vector<std::string> text = {fmt::format("{}", number)};
  if (const auto found = find(name); found != values.end())
    found->values = text;
  else
    values.insert(find(before), {name, text, /*given=*/false});
}

}  // namespace

void take_batch(TrainArguments& arguments, const ImageDataset& train) {
  if (arguments.batch == 0) {
    arguments.batch = std::min(default_batch, train.size());
    if (arguments.batch < default_batch)
      print("batch: {} images, all training images (default: {})\n", arguments.batch,
            default_batch);
  } else if (arguments.batch > train.size()) {
    throw Error("train", fmt::format("--batch is {}, expected at most the {} training images",
                                     arguments.batch, train.size()));
  }
}

void take_batch_of_device(TrainArguments& arguments, const ImageDataset& train,
                          const ImageDataset& test, ImageClassifier& network) {
  const bool is_gpu = network.device().info().type != DeviceType::cpu;
  // Larger batches do not make CPUs faster.
  const std::int64_t most = is_gpu ? train.size() : std::min(default_batch, train.size());
  const BatchChoice choice(arguments, train, test, network);
  arguments.batch = choice.largest(most);
  print("batch: {} images, {}\n", arguments.batch,
        2 * arguments.batch <= most ? "the largest power of two that fits in device memory"
        : is_gpu                    ? "the largest power of two up to the number of training images"
                                    : "the default for CPUs");
}

void take_parts(TrainArguments& arguments, const TrainOptions& options, std::size_t devices) {
  std::int64_t& parts = arguments.trainer.parts;
  if (options.parts->count() > 0 || options.accumulate->count() > 0) {
    if (parts > arguments.batch)
      throw Error("train", fmt::format("--parts is {}, expected at most the {} images of a batch",
                                       parts, arguments.batch));
  } else if (devices > 1) {
    parts =
        std::max(default_parts,
                 static_cast<std::int64_t>(std::bit_ceil(2 * static_cast<std::uint64_t>(devices))));
    parts = std::min(parts, arguments.batch);
  }
}

namespace {

/// Numbers separated by commas, or nothing.
std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> numbers;
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  for (double number; stream >> number;) {
    numbers.push_back(number);
    char comma = 0;
    if (!(stream >> comma)) return numbers;
    if (comma != ',') return {};
  }
  return {};
}

}  // namespace

GroupOptions group_options(const TrainArguments& arguments, const TrainingState& state) {
  GroupOptions group;
  group.check_every = arguments.check_replicas;
  if (arguments.shares.empty()) {
    group.start = state.shares;
    return group;
  }
  group.shares = numbers_of(arguments.shares);
  if (!group.shares.empty()) return group;
  if (!std::filesystem::exists(arguments.shares))
    throw Error("train", fmt::format("--shares is '{}', expected numbers above 0, as 3,1, or a "
                                     "model file",
                                     arguments.shares));
  group.replay = read_checkpoint(arguments.shares).training.shares;
  if (group.replay.empty())
    throw Error(arguments.shares, "has no shares: it was not trained on several devices");
  return group;
}

void take_log_every(TrainArguments& arguments, std::int64_t steps_per_epoch) {
  if (arguments.log_every == 0)
    arguments.log_every =
        std::clamp<std::int64_t>(steps_per_epoch / lines_an_epoch, 1, most_steps_between_lines);
}

void record_choices(const TrainArguments& arguments, std::vector<OptionValue>& values) {
  set_value(values, "--batch", arguments.batch, "--seed");
  if (arguments.trainer.parts > 1) set_value(values, "--parts", arguments.trainer.parts, "--ema");
  set_value(values, "--log-every", arguments.log_every, "--keep-by");
}

std::vector<double> balanced_weights(const ImageDataset& dataset) {
  std::vector<double> weights(dataset.classes().size(), 1);
  std::vector<std::int64_t> images(weights.size());
  for (const std::int32_t label : dataset.labels()) ++images.at(static_cast<std::size_t>(label));
  const auto classes = static_cast<double>(
      std::count_if(images.begin(), images.end(), [](std::int64_t n) { return n > 0; }));
  for (std::size_t c = 0; c < weights.size(); ++c)
    if (images[c] > 0)
      weights[c] = static_cast<double>(dataset.size()) / (classes * static_cast<double>(images[c]));
  return weights;
}

}  // namespace tessera::tools
