// `tessera train`: the loop over epochs and batches, with checkpoints and a clean stop.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "tessera/error.h"
#include "tools/interrupt.h"
#include "tools/networks.h"
#include "tools/progress.h"
#include "tools/run_observers.h"
#include "tools/trace.h"
#include "tools/train_options.h"
#include "tools/weights.h"

namespace tessera::tools {
namespace {

/// Mean and deviation of each channel over all pixels, scaled to [0,1].
void normalize(const Dataset& dataset, ImageOptions& options) {
  const auto channels = static_cast<std::size_t>(dataset.channels());
  std::vector<double> sum(channels), squares(channels);
  Loader loader(dataset, {});
  while (const Batch* batch = loader.next()) {
    for (std::size_t p = 0; p < batch->images.size(); ++p) {
      const double x = batch->images[p] / 255.0;
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

/// The device has failed, with a line that says how.
class DeviceFailed : public Error {
 public:
  DeviceFailed(const Error& error, Checkpoint last, std::string saved)
      : Error(error.what()), last_(std::move(last)), saved_(std::move(saved)) {}
  /// The last steps known to be done.
  const Checkpoint& last() const { return last_; }
  /// The last checkpoint on disk, or nothing.
  const std::string& saved() const { return saved_; }

 private:
  Checkpoint last_;
  std::string saved_;
};

class Training {
 public:
  Training(const TrainArguments& arguments, Network& network, const Dataset& train,
           const Dataset& test, const TrainingState& state, const std::string& checkpoint,
           const std::vector<OptionValue>& options)
      : arguments_(arguments),
        network_(network),
        train_(train),
        test_(test),
        state_(state),
        trainer_(network, state.options),
        progress_(arguments.epochs, 1 + (train.size() - 1) / arguments.batch, arguments.log_every),
        observers_(arguments.observers, arguments.log_every, !checkpoint.empty(), progress_),
        options_(options),
        checkpoint_(checkpoint),
        trace_(arguments.trace) {}

  /// Of the steps and of the evaluation between epochs.
  std::vector<Graph> graphs() const {
    std::vector<Graph> graphs = trainer_.graphs(std::min(arguments_.batch, train_.size()));
    graphs.push_back(network_.evaluation_graph(std::min(evaluation_batch(test_), test_.size())));
    return graphs;
  }

  void run() {
    network_.check_fits(train_);
    network_.check_fits(test_);
    if (state_.epoch >= arguments_.epochs)
      fmt::print("nothing to do: {} epochs are done, --epochs is {}\n", state_.epoch,
                 arguments_.epochs);
    network_.device().set_profiling(trace_.on());
    observers_.start(
        {network_, train_, test_, tested(), options_, state_, /*resumes=*/!checkpoint_.empty()});
    const bool on_cpu = network_.device().info().id == "cpu";
    if (!arguments_.fallback.empty() && !on_cpu) last_ = checkpoint_of(network_, state_);
    try {
      while (state_.epoch < arguments_.epochs && !stopped()) run_epoch();
      if (checkpoint_ != arguments_.out) save();  // no epoch was left to do
    } catch (const Error& error) {
      end(Outcome::failed, error.what());
      throw;
    }
    end(interrupted() ? Outcome::interrupted : Outcome::end);
    if (state_.epoch < arguments_.epochs)
      fmt::print("stopped after step {} (epoch {}{}); go on with --resume {}\n", state_.step,
                 state_.epoch + 1,
                 state_.batch_in_epoch > 0 ? fmt::format(", mean loss {:.4f}", mean_loss()) : "",
                 arguments_.out);
  }

 private:
  bool stopped() const {
    return interrupted() || (arguments_.steps > 0 && state_.step >= arguments_.steps);
  }

  void run_epoch() {
    LoaderOptions batches = batches_from(state_.batch_in_epoch);
    batches.on_batch = trace_.of_loader();
    Loader loader(train_, std::move(batches));
    progress_.begin_epoch(state_.epoch + 1, state_.batch_in_epoch);
    observers_.begin_epoch();
    std::int64_t images = 0;
    while (const Batch* batch = stopped() ? nullptr : next_batch(loader)) {
      trace_.host("step", [&] { guard([&] { explained([&] { trainer_.step(*batch); }); }); });
      if (trace_.on() && ++traced_ == most_traced) end_trace();
      images += batch->size;
      observers_.count(batch->size);
      ++state_.step;
      ++state_.batch_in_epoch;
      const bool shown = progress_.due(state_.batch_in_epoch);
      const bool reported = observers_.due(state_.step);
      const bool kept = last_ && state_.batch_in_epoch % arguments_.log_every == 0;
      if (shown || reported || kept) take_losses();
      if (kept) guard([&] { last_ = checkpoint_of(network_, state_); });
      if (shown) progress_.show(state_.batch_in_epoch, images, mean_loss());
      if (reported)
        observers_.step({.step = state_.step, .epoch = state_.epoch + 1, .lr = last_lr()});
      if (arguments_.verbose) print_plan(batch->size);
    }
    end_trace();
    take_losses();
    if (state_.batch_in_epoch == loader.batches()) end_epoch(images);
    save();
  }

  /// Those of the epoch begun.
  LoaderOptions batches_from(std::int64_t first) const {
    return {.batch = arguments_.batch,
            .order = shuffled_order(train_.size(), state_.seed,
                                    static_cast<std::uint64_t>(state_.epoch)),
            .first_batch = first,
            .on_batch = {}};
  }

  const Batch* next_batch(Loader& loader) {
    const Batch* batch = nullptr;
    trace_.host("wait for batch", [&] { batch = loader.next(); });
    return batch;
  }

  void end_trace() {
    if (!trace_.on()) return;
    network_.device().set_profiling(false);
    for (Executable* executable : trainer_.executables())
      trace_.add(executable->graph(), executable->take_records());
    trace_.finish();
  }

  void save() {
    Checkpoint checkpoint;
    guard([&] { checkpoint = checkpoint_of(network_, state_); });
    if (last_) last_ = checkpoint;
    guard(
        [&] {
          save_checkpoint(arguments_.out, checkpoint);
          // Not before: a run that fails leaves a model of the same name with its own settings.
          if (checkpoint_.empty()) write_config(arguments_.out + ".toml", options_);
        },
        /*of_device=*/false);
    checkpoint_ = arguments_.out;
  }

  void end_epoch(std::int64_t images) {
    Evaluation evaluation;
    guard([&] { evaluation = network_.evaluate(test_, evaluation_batch(test_), tested()); });
    progress_.end_epoch(images, mean_loss(), evaluation);
    if (state_.skipped > 0)
      fmt::print("skipped {} of {} steps, whose loss or gradients were not finite\n",
                 state_.skipped, state_.batch_in_epoch);
    ++state_.epoch;
    observers_.epoch({.step = state_.step,
                      .epoch = state_.epoch,
                      .train_loss = mean_loss(),
                      .test = evaluation});
    state_.batch_in_epoch = 0;
    state_.epoch_loss_sum = 0;
    state_.skipped = 0;
  }

  void take_losses() {
    guard([&] {
      LossSum losses;
      explained([&] { losses = trainer_.take_losses(); });
      state_.epoch_loss_sum += losses.sum;
      state_.skipped += losses.skipped;
      observers_.add(losses);
    });
  }

  /// Says of a step that is not finite which node made it so.
  template <typename Action>
  void explained(const Action& action) {
    try {
      action();
    } catch (const NotFinite& error) {
      // It is one of this epoch: at the end of each all losses are read.
      Loader loader(train_, batches_from(state_.batch_in_epoch - (state_.step - error.step())));
      throw NotFinite(
          error.step(),
          fmt::format("the loss or a gradient of step {} is not finite: {}", error.step() + 1,
                      trainer_.find_not_finite(*loader.next(), error.step())));
    }
  }

  Weights tested() const { return state_.options.ema > 0 ? Weights::averaged : Weights::last; }

  double last_lr() const {
    const TrainerOptions& options = trainer_.options();
    return learning_rate(options.schedule, *options.lr, state_.step - 1);
  }

  void end(Outcome outcome, const std::string& error = {}) {
    observers_.end(
        {.outcome = outcome, .step = state_.step, .epochs = state_.epoch, .error = error});
  }

  /// Says of a failure what is left of the run; `of_device`: it may be the device's.
  template <typename Action>
  void guard(const Action& action, bool of_device = true) {
    try {
      action();
    } catch (const Error& error) {
      progress_.clear();
      const bool is_not_finite = dynamic_cast<const NotFinite*>(&error);  // and names its step
      if (last_ && of_device && !is_not_finite)
        throw DeviceFailed(error, std::move(*last_), checkpoint_);
      const std::string kept =
          checkpoint_.empty() ? "" : "; the last good checkpoint is " + checkpoint_;
      const std::string step = is_not_finite ? "" : fmt::format(" (step {})", state_.step);
      throw Error(error.what() + step + kept);
    }
  }

  double mean_loss() const {
    return LossSum{state_.epoch_loss_sum, state_.batch_in_epoch - state_.skipped}.mean();
  }

  void print_plan(std::int64_t batch) {
    if (!printed_)
      for (const std::string& line : trainer_.describe(batch)) fmt::print("{}\n", line);
    printed_ = true;
  }

  const TrainArguments& arguments_;
  Network& network_;
  const Dataset& train_;
  const Dataset& test_;
  TrainingState state_;
  Trainer trainer_;
  Progress progress_;
  RunObservers observers_;
  const std::vector<OptionValue>& options_;
  bool printed_ = false;
  std::string checkpoint_;          ///< the last good one of this run, or none
  std::optional<Checkpoint> last_;  ///< at hand for another device, when it was asked for
  static constexpr std::int64_t most_traced = 50;
  Trace trace_;
  std::int64_t traced_ = 0;  ///< steps
};

/// Goes on where a device has failed.
void go_on_on_cpu(const TrainArguments& arguments, const DeviceFailed& failed, const Dataset& train,
                  const Dataset& test, const std::vector<OptionValue>& values) {
  fmt::print("{}; the training goes on on the CPU from step {}\n", failed.what(),
             failed.last().training.step);
  const auto cpu = open_device("cpu");
  Network network(*cpu, model_of(failed.last()), std::nullopt);
  Training training(arguments, network, train, test, failed.last().training, failed.saved(),
                    values);
  restore(failed.last(), network);
  training.run();
}

/// The model of a run that begins.
Model new_model(const TrainArguments& arguments, const Dataset& train) {
  ImageInput input{train.height(), train.width(), train.channels(),
                   arguments.pixels.options(train.channels())};
  if (arguments.normalize) normalize(train, input.options);
  Model model = open_model(arguments.model, input, train.classes(),
                           arguments.new_head ? Head::fitted : Head::kept);
  if (!arguments.loss.empty()) model.loss = loss_of(arguments.loss);
  return model;
}

void run(TrainArguments arguments, const TrainOptions& options,
         const std::vector<OptionValue>& values) {
  Checkpoint checkpoint;
  const bool resumes = options.resume->count() > 0;
  const std::string default_out =
      fmt::format("{}-{}.safetensors", std::filesystem::path(arguments.model).stem().string(),
                  arguments.data.label());
  if (resumes && arguments.resume.empty() && arguments.out.empty()) arguments.out = default_out;
  const std::string resumed = arguments.resume.empty() ? arguments.out : arguments.resume;
  if (resumes) {
    checkpoint = read_checkpoint(resumed);
    take_settings(arguments, options, checkpoint);
    if (arguments.out.empty()) arguments.out = resumed;
  }
  if (arguments.out.empty()) arguments.out = default_out;
  check_checkpoint_path(arguments.out);

  DatasetOptions images = resumes
                              ? dataset_options(arguments.data, checkpoint)
                              : dataset_options(arguments.data, arguments.model, arguments.seed);
  const auto train = load_dataset(arguments.data.name, Split::train, images);
  images.classes = train->classes();
  const auto test = load_dataset(arguments.data.name, Split::test, images);
  const std::size_t skipped = report_skipped(*train) + report_skipped(*test);
  if (train->classes().size() < 2)
    throw Error(arguments.data.name, fmt::format("has one class only, '{}', expected at least two",
                                                 train->classes().at(0)));
  if (arguments.batch > train->size())
    throw Error(
        "train",
        fmt::format("--batch is {}{}, expected at most the {} training images", arguments.batch,
                    options.batch->count() == 0 && !resumes ? " by default" : "", train->size()));
  Model model = resumes ? model_of(checkpoint) : new_model(arguments, *train);
  const auto device = arguments.device.open(arguments.verbose);
  fmt::print("training {} on {} ({} images{}) with {} ({})\n", arguments.model, arguments.data.name,
             train->size(), skipped_text(skipped), device->info().name, device->info().id);

  Network network(*device, std::move(model),
                  resumes ? std::nullopt : std::optional(arguments.seed));
  if (!arguments.weights.empty()) load_weights(arguments.weights, network, arguments.new_head);
  TrainingState state = checkpoint.training;
  if (!resumes) {
    state.data = arguments.data.name;
    state.seed = arguments.seed;
    state.batch = arguments.batch;
    state.held_out = arguments.data.held_out;
  }
  const std::int64_t steps_per_epoch = 1 + (train->size() - 1) / arguments.batch;
  state.options = resumes ? arguments.trainer : trainer_options(arguments, steps_per_epoch);
  if (resumes) take_epochs(arguments, options, state.options.schedule, steps_per_epoch);
  Training training(arguments, network, *train, *test, state, resumes ? resumed : "", values);
  if (resumes) restore(checkpoint, network);
  catch_interrupts();
  if (arguments.tune) {
    TuningRun tuning(*device, arguments.tuning, false);
    tuning.run(tuning_tasks(*device, training.graphs()));
    device->set_tuning(load_tuning(device->info()));
    fmt::print("{}\n", tuning.summary());
  }
  try {
    training.run();
  } catch (const DeviceFailed& failed) {
    go_on_on_cpu(arguments, failed, *train, *test, values);
  }
  fmt::print("model: {}\n", arguments.out);
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Train a model on a data set");
  auto arguments = std::make_shared<TrainArguments>();
  const TrainOptions options = add_train_options(*command, *arguments);
  command->callback([=] { run(*arguments, options, option_values(*command)); });
}

}  // namespace tessera::tools
