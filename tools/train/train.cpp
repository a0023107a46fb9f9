// `tessera train`: sets up a run from the command line or a checkpoint.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "tessera/error.h"
#include "tessera/output_file.h"
#include "tessera/text.h"
#include "tools/shared/data_changes.h"
#include "tools/shared/interrupt.h"
#include "tools/shared/model_file.h"
#include "tools/shared/networks.h"
#include "tools/shared/standard_streams.h"
#include "tools/shared/weights.h"
#include "tools/train/epoch_verdict.h"
#include "tools/train/train_defaults.h"
#include "tools/train/train_options.h"
#include "tools/train/training.h"

namespace tessera::tools {
namespace {

/// Returns mean and deviation of each channel over all pixels, scaled to [0,1].
void normalize(const ImageDataset& dataset, ImageOptions& options) {
  const auto channels = static_cast<std::size_t>(dataset.channels());
  std::vector<double> sum(channels), squares(channels);
  Loader loader(dataset, {});
  while (const Batch* batch = loader.next()) {
    const auto pixels = batch->values<std::uint8_t>("image");
    for (std::size_t p = 0; p < pixels.size(); ++p) {
      const double x = pixels[p] / 255.0;
      sum[p % channels] += x;
      squares[p % channels] += x * x;
    }
  }
  const double count = static_cast<double>(dataset.size() * dataset.height() * dataset.width());
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count;
    options.mean.push_back(mean);
    options.deviation.push_back(std::sqrt(std::max(squares[c] / count - mean * mean, 1e-12)));
  }
}

/// Continues on the CPU after a device has failed.
void go_on_on_cpu(const TrainArguments& arguments, const DeviceFailed& failed,
                  const ImageDataset& train, const ImageDataset& test,
                  const std::vector<OptionValue>& values) {
  print("{}; the training continues on the CPU from step {}\n", failed.what(),
        failed.last().training.step);
  const DeviceGroup cpu = open_devices("cpu");
  ImageClassifier network(cpu.leader(), model_of(failed.last()), std::nullopt);
  Training training(arguments, cpu, network, train, test, failed.last().training, failed.saved(),
                    values);
  restore(failed.last(), network);
  training.run();
}

/// Returns the model of a new run; `weights`: --weights.
ImageModel new_model(const TrainArguments& arguments, const ImageDataset& train, Crop crop,
                     const std::optional<InitialWeights>& weights) {
  ImageInput input{train.height(), train.width(), train.channels(),
                   arguments.pixels.options(train.channels()), crop};
  if (arguments.normalize && is_onnx(arguments.model) && OnnxNet(arguments.model).takes_bytes())
    throw Error("--normalize",
                fmt::format("'{}' expects unnormalized bytes, 0 to 255", arguments.model));
  if (arguments.normalize) normalize(train, input.options);
  const bool is_given =
      arguments.normalize || !arguments.pixels.mean.empty() || !arguments.pixels.deviation.empty();
  if (weights && weights->checkpoint && !is_given) {
    const ImageOptions& pixels = weights->checkpoint->input.options;
    input.options.mean = pixels.mean;
    input.options.deviation = pixels.deviation;
  }
  ImageModel model = open_model(arguments.model, input, train.classes(),
                                arguments.new_head ? Head::fitted : Head::kept);
  model.input.crop = crop;  // also if an ONNX file says otherwise
  if (!arguments.loss.empty()) model.loss = loss_of(arguments.loss);
  return model;
}

TrainingState new_state(const TrainArguments& arguments, const ImageDataset& train,
                        const ImageDataset& test) {
  TrainingState state{
      .data = arguments.data.name, .seed = arguments.seed, .batch = arguments.batch};
  state.held_out = arguments.data.held_out;
  state.plateau = plateau_of(arguments.plateau);
  keep_fingerprints(state, train, test);
  return state;
}

/// Returns the state of a resumed run, and checks that its data is unchanged or that changes are
/// accepted.
TrainingState resumed_state(const TrainArguments& arguments, const Checkpoint& checkpoint,
                            const ImageDataset& train, const ImageDataset& test) {
  TrainingState state = checkpoint.training;
  warn_of_split_rule(state, test);
  keep_fingerprints(state, train, test);
  const std::string changed = data_changes(checkpoint.training, state);
  if (!changed.empty()) {
    const std::string message = "the data has changed since the checkpoint: " + changed;
    if (!arguments.accept_changed_data)
      throw Error("resume",
                  message + "; to resume with the changed data, use --accept-changed-data");
    print_note("warning: " + message);
    // The shuffle of an epoch depends on its number of images, so the current epoch starts again.
    state.batch_in_epoch = state.skipped = state.epoch_images = 0;
    state.epoch_loss_sum = 0;
  }
  return state;
}

/// Prints which parameters are not trained. Throws Error if no parameter is.
void report_parameters(const ImageModel& model, const TrainerOptions& options) {
  const ParameterUse use = parameter_use(image_task(model, options.augment, options.loss), options);
  if (use.trained.empty())
    throw Error("train", fmt::format("'{}' has no parameters to train: {} are frozen, {} do not "
                                     "reach the loss",
                                     model.name, use.frozen.size(), use.unreached.size()));
  for (const std::string& name : use.unreached)
    print("'{}' does not reach the loss and is not trained\n", name);
  if (!use.frozen.empty())
    print("training {} of {} parameters; {} are frozen\n", use.trained.size(),
          use.trained.size() + use.frozen.size() + use.unreached.size(), use.frozen.size());
}

/// The training and test images.
struct Data {
  std::unique_ptr<ImageDataset> train, test;
  Crop crop;            ///< of a new model
  std::size_t skipped;  ///< images that cannot be read
};

/// `checkpoint`: the one that a run resumes from, or null.
Data load_data(const TrainArguments& arguments, const Checkpoint* checkpoint) {
  DatasetOptions images = checkpoint
                              ? dataset_options(arguments.data, *checkpoint)
                              : dataset_options(arguments.data, arguments.model, arguments.seed);
  Data data{load_dataset(arguments.data.name, Split::train, images), {}, images.crop, 0};
  images.classes = data.train->classes();
  data.test = load_dataset(arguments.data.name, Split::test, images);
  data.skipped = report_skipped({data.train.get(), data.test.get()});
  if (data.train->classes().size() < 2)
    throw Error(arguments.data.name, fmt::format("has one class only, '{}', expected at least two",
                                                 data.train->classes().at(0)));
  return data;
}

/// Returns the start state of the run, and sets the defaults that depend on data and device.
TrainingState first_state(TrainArguments& arguments, const TrainOptions& options,
                          const Checkpoint* checkpoint, const Data& data, ImageClassifier& network,
                          std::size_t devices) {
  if (!checkpoint && arguments.batch_text == "auto") {
    take_batch_of_device(arguments, *data.train, *data.test, network);
    take_parts(arguments, options, devices);
  }
  TrainingState state = checkpoint ? resumed_state(arguments, *checkpoint, *data.train, *data.test)
                                   : new_state(arguments, *data.train, *data.test);
  state.best = best_epoch(arguments, options, state.best);
  if (state.best.keep) check_checkpoint_path(best_path(arguments.out));
  if (arguments.balance) {
    arguments.trainer.loss.class_weights = balanced_weights(*data.train);
    print("class weights: {}\n",
          fmt::format("{:.4g}", fmt::join(arguments.trainer.loss.class_weights, ", ")));
  }
  const std::int64_t steps_per_epoch = steps_of_epoch(data.train->size(), arguments.batch);
  state.options = checkpoint ? arguments.trainer : trainer_options(arguments, steps_per_epoch);
  if (checkpoint) {
    const std::int64_t planned_for = checkpoint->training.train_images;
    take_epochs(arguments, options, state.options.schedule,
                planned_for > 0 ? steps_of_epoch(planned_for, arguments.batch) : steps_per_epoch);
  }
  take_log_every(arguments, steps_per_epoch);
  return state;
}

/// Returns the path of the checkpoint to resume from, or nothing, and sets the path of the model.
std::string take_paths(TrainArguments& arguments, bool resumes) {
  const std::string default_out =
      fmt::format("{}-{}.safetensors", std::filesystem::path(arguments.model).stem().string(),
                  arguments.data.label());
  if (!resumes) {
    if (arguments.out.empty()) arguments.out = default_out;
    return {};
  }
  if (arguments.resume.empty() && arguments.out.empty()) arguments.out = default_out;
  if (arguments.resume.empty()) arguments.resume = arguments.out;
  if (arguments.out.empty()) arguments.out = arguments.resume;
  return arguments.resume;
}

/// Throws Error if the run could not write its model or the settings beside it.
void check_outputs(const TrainArguments& arguments, bool resumes) {
  check_checkpoint_path(arguments.out);
  if (!resumes) check_output(config_path(arguments.out));
  if (!is_utf8(arguments.model))
    throw Error(arguments.model, "is not a UTF-8 name, which a model file needs; rename the file");
}

std::string names_of(const DeviceGroup& devices) {
  std::string names;
  for (const auto& device : devices.devices())
    names +=
        fmt::format("{}{} ({})", names.empty() ? "" : ", ", device->info().name, device->info().id);
  return names;
}

void tune(Device& device, const TrainArguments& arguments, const Training& training) {
  TuningRun tuning(device, arguments.tuning, false);
  tuning.run(tuning_tasks(device, training.graphs()));
  device.set_tuning(load_tuning(device.info()));
  print("{}\n", tuning.summary());
}

void run(TrainArguments arguments, const TrainOptions& options, std::vector<OptionValue> values) {
  const std::string resumed = take_paths(arguments, options.resume->count() > 0);
  std::optional<Checkpoint> read;
  if (!resumed.empty()) {
    read = read_model(resumed, "a checkpoint that `tessera train` wrote");
    take_settings(arguments, options, *read);
  }
  const Checkpoint* checkpoint = read ? &*read : nullptr;
  const OutputLock lock(arguments.out);
  std::optional<OutputLock> log_lock;
  if (!arguments.observers.log.empty()) log_lock.emplace(arguments.observers.log);
  check_outputs(arguments, !resumed.empty());

  const Data data = load_data(arguments, checkpoint);
  if (arguments.batch_text != "auto" || checkpoint) take_batch(arguments, *data.train);
  std::optional<InitialWeights> weights;
  if (!arguments.weights.empty()) weights = read_initial_weights(arguments.weights);
  ImageModel model =
      checkpoint ? model_of(*checkpoint) : new_model(arguments, *data.train, data.crop, weights);
  const DeviceGroup devices = arguments.device.open_group(arguments.verbose);
  print("training {} on {} ({} images{}) with {}\n", arguments.model, arguments.data.name,
        data.train->size(), skipped_text(data.skipped), names_of(devices));
  if (!checkpoint && arguments.batch_text != "auto")
    take_parts(arguments, options, devices.devices().size());
  ImageClassifier network(devices.leader(), std::move(model),
                          checkpoint ? std::nullopt : std::optional(arguments.seed));
  if (weights) load_weights(std::move(*weights), network, arguments.new_head);
  const TrainingState state =
      first_state(arguments, options, checkpoint, data, network, devices.devices().size());
  report_parameters(network.model(), state.options);
  record_choices(arguments, values);
  Training training(arguments, devices, network, *data.train, *data.test, state, resumed, values);
  if (checkpoint) restore(*checkpoint, network);
  catch_interrupts();
  tolerate_lost_output();
  flush_output();
  if (arguments.tune)
    for (const auto& device : devices.devices()) tune(*device, arguments, training);
  try {
    training.run();
  } catch (const DeviceFailed& failed) {
    go_on_on_cpu(arguments, failed, *data.train, *data.test, values);
  }
  print("model: {}\n", arguments.out);
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Train a model on a data set");
  auto arguments = std::make_shared<TrainArguments>();
  const TrainOptions options = add_train_options(*command, *arguments);
  command->callback([=] { run(*arguments, options, option_values(*command)); });
}

}  // namespace tessera::tools
