#include "tools/train/train_options.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

#include "tessera/error.h"
#include "tessera/models.h"

namespace tessera::tools {
namespace {

SaveInterval save_interval_of(const std::string& text) {
  const bool in_minutes = text.ends_with('m');
  const char* const end = text.data() + text.size() - (in_minutes ? 1 : 0);
  SaveInterval every;
  const auto [last, error] = in_minutes ? std::from_chars(text.data(), end, every.minutes)
                                        : std::from_chars(text.data(), end, every.steps);
  const bool is_time = every.minutes > 0 && std::isfinite(every.minutes);
  if (error != std::errc() || last != end || (in_minutes ? !is_time : every.steps < 1))
    throw CLI::ValidationError(
        "--save-every", "found " + text + ", expected steps, e.g. 500, or minutes, e.g. 10m");
  return every;
}

void add_files(CLI::App& command, TrainArguments& a, TrainOptions& options) {
  command.add_option("--out", a.out,
                     "file for the model, written after each epoch (default: "
                     "MODEL-DATA.safetensors)");
  options.resume =
      command
          .add_option("--resume", a.resume,
                      "continue from this checkpoint, up to --epochs (default: the file of --out)")
          ->expected(0, 1);
  command.add_flag("--accept-changed-data", a.accept_changed_data,
                   "with --resume: continue although images were added to or removed from the "
                   "data; an epoch that has begun starts again");
  command.add_option_function<std::string>(
      "--save-every", [&a](const std::string& text) { a.save_every = save_interval_of(text); },
      "also write the model after this many steps, as 500, or minutes, as 10m");
  command.add_option("--steps", a.steps, "stop after this many steps in all; 0 disables the limit")
      ->check(at_least<std::int64_t>(0));
  command
      .add_option("--log-every", a.log_every,
                  "steps between log lines if the output is not a terminal (default: 1/25 of an "
                  "epoch, at most 500)")
      ->default_str("")
      ->check(at_least<std::int64_t>(1));
  options.keep = command
                     .add_option("--keep", a.keep,
                                 "best: also keep the model of the best epoch, as "
                                 "NAME.best.safetensors for --out NAME.safetensors")
                     ->check(CLI::IsMember({"best"}));
  options.keep_by =
      command
          .add_option("--keep-by", a.keep_by,
                      "choose the best epoch by the loss or the accuracy on the test images")
          ->check(CLI::IsMember({"loss", "accuracy"}));
  options.patience = command
                         .add_option("--patience", a.patience,
                                     "stop after this many epochs without improvement (--keep-by); "
                                     "0 disables early stopping")
                         ->check(at_least<std::int64_t>(0));
  command.add_flag("--verbose", a.verbose, "print each node and its algorithm");
  command.add_flag("--tune", a.tune, "tune the device for the network first (see tessera tune)");
  a.tuning.add(command, "--tune-seconds");
  command.add_option("--trace", a.trace,
                     "write a trace of the first steps (at most 50) to this file, for "
                     "chrome://tracing or ui.perfetto.dev");
  a.observers.add(command);
  command
      .add_option("--fallback", a.fallback,
                  "cpu: if the device fails, continue on the CPU from the weights that were last "
                  "copied to the host, every --log-every steps")
      ->check(CLI::IsMember({"cpu"}));
}

void add_optimizer(CLI::App& command, TrainArguments& a, TrainOptions& options) {
  TrainerOptions& t = a.trainer;
  constexpr const char* group = "Optimizer";
  options.lr = command.add_option("--lr", t.lr, "learning rate (default: 0.01, of Adam 0.001)")
                   ->check(at_least(0.0));
  options.momentum =
      command
          .add_option("--momentum", t.momentum,
                      "momentum of sgd and lars (default: 0.9) and rmsprop (default: 0)")
          ->check(CLI::Range(0.0, 1.0));
  options.weight_decay =
      command
          .add_option("--weight-decay", t.weight_decay,
                      "weight decay; not applied to biases and norms (default: 0, of adamw 0.01)")
          ->check(at_least(0.0));
  options.fixed = {
      command.add_option("--optimizer", a.optimizer, "sgd, adam, adamw, rmsprop, adagrad or lars"),
      command.add_flag("--nesterov", t.nesterov, "Nesterov's momentum, for sgd"),
      command
          .add_option("--clip-norm", t.clip_norm,
                      "maximum global gradient norm; 0 disables clipping")
          ->check(at_least(0.0)),
      command
          .add_option("--clip-value", t.clip_value,
                      "maximum element of a gradient; 0 disables clipping")
          ->check(at_least(0.0)),
      options.parts =
          command
              .add_option(
                  "--parts", t.parts,
                  "split each batch into this many parts, which several devices share, or "
                  "one computes one after another, to save memory; batch norms see one part "
                  "at a time (default: 1, of several devices at least 8)")
              ->default_str("")
              ->check(at_least<std::int64_t>(1)),
      command
          .add_option("--ema", t.ema,
                      "keep exponential averages of the weights with this decay, e.g. 0.999, and "
                      "test with them; 0 disables averages")
          ->check(CLI::Range(0.0, 1.0))};
  options.accumulate = command.add_option("--accumulate", t.parts, "alias of --parts");
  options.accumulate->default_str("")->check(at_least<std::int64_t>(1))->excludes(options.parts);
  options.fixed.push_back(options.accumulate);
  options.fixed.push_back(command.add_option("--on-nan", a.on_nan,
                                             "if a loss or gradient is not finite: stop, skip the "
                                             "step, or ignore it, which saves the check"));
  const auto add_patterns = [&](const char* name, std::vector<std::string>& patterns,
                                const char* what) {
    options.fixed.push_back(command.add_option(name, patterns, what)->allow_extra_args(false));
  };
  add_patterns(
      "--freeze", t.freeze,
      "freeze the parameters that match this pattern: * matches any characters, ? one; repeatable");
  add_patterns("--train-only", t.train_only,
               "freeze all parameters except those that match this pattern; repeatable");
  for (CLI::Option* option : {options.lr, options.momentum, options.weight_decay})
    option->group(group);
  for (CLI::Option* option : options.fixed) option->group(group);
}

void add_loss(CLI::App& command, TrainArguments& a, TrainOptions& options) {
  LossOptions& loss = a.trainer.loss;
  CLI::Option* weights = nullptr;
  for (CLI::Option* option :
       {command.add_option(
            "--loss", a.loss,
            "cross-entropy (softmax) or bce, binary cross-entropy of each class (sigmoid) "
            "(default: cross-entropy; bce for an ONNX file that ends with a sigmoid)"),
        command
            .add_option("--label-smoothing", loss.label_smoothing,
                        "share of the target spread over all classes")
            ->check(CLI::Range(0.0, 1.0)),
        command
            .add_option("--class-weights", loss.class_weights,
                        "with cross-entropy: weights of the classes, separated by commas, in their "
                        "order (default: 1)")
            ->delimiter(',')}) {
    option->group("Loss");
    options.fixed.push_back(option);
    weights = option;
  }
  CLI::Option* balance = command.add_flag("--balance", a.balance,
                                          "derive class weights from the training images, so that "
                                          "rare classes count as much as frequent ones");
  balance->group("Loss")->excludes(weights);
  options.fixed.push_back(balance);
}

void add_schedule(CLI::App& command, TrainArguments& a, TrainOptions& options) {
  ScheduleOptions& s = a.trainer.schedule;
  for (CLI::Option* option :
       {command.add_option("--schedule", a.schedule,
                           "learning-rate schedule over all --epochs: constant, step, multi-step, "
                           "exponential, cosine, polynomial or one-cycle"),
        command.add_option("--warmup", s.warmup, "steps of linear warm-up before the schedule")
            ->check(at_least<std::int64_t>(0)),
        command
            .add_option("--warmup-factor", s.warmup_factor,
                        "factor of the learning rate at which the warm-up starts")
            ->default_str(fmt::format("{}", s.warmup_factor))  // with all digits
            ->check(CLI::Range(0.0, 1.0)),
        command.add_option("--gamma", s.gamma, "factor of step, multi-step and exponential")
            ->check(at_least(0.0)),
        command.add_option("--period", a.period, "epochs between two such factors")
            ->check(at_least(0.0)),
        command
            .add_option("--milestones", a.milestones, "epochs of multi-step, separated by commas")
            ->delimiter(','),
        command.add_option("--power", s.power, "exponent of polynomial"),
        command.add_option("--min-lr", s.min_lr, "final learning rate of cosine")
            ->check(at_least(0.0)),
        command.add_option("--reduce-on-plateau", a.plateau,
                           "FACTOR,PATIENCE, e.g. 0.1,10: multiply the learning rate by FACTOR "
                           "after more than PATIENCE epochs whose test loss is no better")}) {
    option->group("Schedule");
    options.fixed.push_back(option);
  }
}

CLI::Validator is_batch() {
  return {[](std::string& text) {
            return text == "auto" ? std::string() : at_least<std::int64_t>(1)(text);
          },
          ""};
}

/// Returns the steps of so many epochs. Throws Error if a checkpoint could not hold the number.
std::int64_t steps_of(const char* option, double epochs, std::int64_t steps_per_epoch) {
  const double steps = std::round(epochs * static_cast<double>(steps_per_epoch));
  constexpr double most = std::numeric_limits<std::int32_t>::max();
  if (!(steps <= most))
    throw Error(
        "train",
        fmt::format("{} {:g} means {:.0f} steps of {} per epoch, expected at most {:.0f} steps",
                    option, epochs, steps, steps_per_epoch, most));
  return static_cast<std::int64_t>(steps);
}

std::vector<std::string> classifier_names() {
  std::vector<std::string> names;
  for (const ModelInfo& model : list_models())
    if (model.classifier) names.push_back(model.name);
  return names;
}

}  // namespace

TrainOptions add_train_options(CLI::App& command, TrainArguments& a) {
  TrainOptions options{};
  add_config_option(command);
  options.model = command.add_option(
      "--model", a.model,
      fmt::format("the network: an ONNX file, or one of {}", fmt::join(classifier_names(), ", ")));
  options.data = a.data.add(command);
  a.device.add_list(command);
  options.epochs =
      command
          .add_option("--epochs", a.epochs,
                      "passes over the training images in all (with --resume: as planned at first)")
          ->check(at_least<std::int64_t>(1));
  options.batch =
      command
          .add_option_function<std::string>(
              "--batch",
              [&a](const std::string& text) {
                a.batch_text = text;
                if (text != "auto") CLI::detail::lexical_cast(text, a.batch);
              },
              "images per step, or auto: the largest power of two that fits in the memory of a "
              "GPU, 32 on a CPU (default: 32, or all training images if there are fewer)")
          ->check(is_batch());
  options.seed = command
                     .add_option("--seed", a.seed,
                                 "seed of the initial weights and of the order of the images")
                     ->check(at_least<std::int64_t>(0));
  options.normalize = command.add_flag(
      "--normalize", a.normalize,
      "normalize each channel to mean 0 and deviation 1, measured on the training images");
  add_optimizer(command, a, options);
  for (CLI::Option* option : a.data.add_shape(command)) options.fixed.push_back(option);
  for (CLI::Option* option : a.pixels.add(command)) {
    option->excludes(options.normalize);
    options.fixed.push_back(option);
  }
  options.fixed.push_back(
      command.add_option("--weights", a.weights,
                         "start with these weights: a safetensors file of PyTorch's state_dict of "
                         "the model, or a model that tessera train wrote"));
  options.fixed.push_back(command.add_flag("--new-head", a.new_head,
                                           "start with a new last layer if the data have another "
                                           "number of classes than the ONNX file or --weights"));
  options.fixed.push_back(command.add_option(
      "--augment", a.augment,
      "change the training images at random, e.g. crop=4,flip,cutout=8: crop=PIXELS, "
      "flip[=PROBABILITY], resized-crop=LEAST-AREA, rotate=DEGREES, cutout=PIXELS, "
      "brightness=, contrast=, saturation=STRENGTH, mixup=, cutmix=ALPHA"));
  command.add_option("--shares", a.shares,
                     "the proportion of the parts that each of several devices gets, as 3,1, or a "
                     "model file, to repeat the shares of its training (default: by their speed)");
  command
      .add_option("--check-replicas", a.check_replicas,
                  "compare checksums of the weights of all devices every so many steps; 0 disables "
                  "the check")
      ->check(at_least<std::int64_t>(0));
  add_loss(command, a, options);
  add_schedule(command, a, options);
  add_files(command, a, options);
  return options;
}

TrainerOptions trainer_options(const TrainArguments& arguments, std::int64_t steps_per_epoch) {
  TrainerOptions options = arguments.trainer;
  options.optimizer = optimizer_of(arguments.optimizer);
  options.augment = augmentation_of(arguments.augment);
  options.on_nan = on_nan_of(arguments.on_nan);
  options.seed = arguments.seed;
  ScheduleOptions& schedule = options.schedule;
  schedule.kind = schedule_of(arguments.schedule);
  const auto steps = [&](const char* option, auto epochs) {
    return steps_of(option, static_cast<double>(epochs), steps_per_epoch);
  };
  schedule.steps = std::max<std::int64_t>(1, steps("--epochs", arguments.epochs) - schedule.warmup);
  schedule.period = std::max<std::int64_t>(1, steps("--period", arguments.period));
  for (std::int64_t epoch : arguments.milestones)
    schedule.milestones.push_back(steps("--milestones", epoch) - schedule.warmup);
  return with_defaults(options);
}

Plateau plateau_of(const std::string& text) {
  if (text.empty()) return {};
  Plateau plateau;
  std::istringstream numbers(text);
  numbers.imbue(std::locale::classic());
  char comma = 0;
  numbers >> plateau.factor >> comma >> plateau.patience;
  const bool is_whole = numbers && comma == ',' && numbers.peek() == EOF;
  if (!is_whole || !(plateau.factor > 0 && plateau.factor < 1) || plateau.patience < 0)
    throw Error("train", fmt::format("--reduce-on-plateau is {}, expected FACTOR,PATIENCE: a "
                                     "factor between 0 and 1 and a number of epochs, e.g. 0.1,10",
                                     text));
  return plateau;
}

BestEpoch best_epoch(const TrainArguments& arguments, const TrainOptions& options, BestEpoch best) {
  const BestBy by = best_by_of(arguments.keep_by);
  if (options.keep_by->count() > 0 && by != best.by)
    best = {.keep = best.keep, .by = by, .patience = best.patience};
  if (options.keep->count() > 0) best.keep = true;
  if (options.patience->count() > 0) best.patience = arguments.patience;
  return best;
}

void take_epochs(TrainArguments& arguments, const TrainOptions& options,
                 const ScheduleOptions& schedule, std::int64_t steps_per_epoch) {
  if (schedule.steps == 0) return;  // a checkpoint of a version without schedules
  const std::int64_t planned = (schedule.warmup + schedule.steps) / steps_per_epoch;
  if (options.epochs->count() == 0) arguments.epochs = planned;
  steps_of("--epochs", static_cast<double>(arguments.epochs), steps_per_epoch);  // checks it
  const bool ends = schedule.kind == Schedule::cosine || schedule.kind == Schedule::polynomial ||
                    schedule.kind == Schedule::one_cycle;
  if (ends && arguments.epochs > planned)
    throw Error("resume",
                fmt::format("--epochs is {}, expected at most {}, the end of the {} schedule",
                            arguments.epochs, planned, to_string(schedule.kind)));
}

void take_settings(TrainArguments& arguments, const TrainOptions& options,
                   const Checkpoint& checkpoint) {
  const auto fix = [](const CLI::Option* option, auto& argument, const auto& saved) {
    if (option->count() > 0 && argument != saved)
      throw Error("resume", fmt::format("{} is {}, expected {} from the checkpoint",
                                        option->get_name(), argument, saved));
    argument = saved;
  };
  const TrainingState& training = checkpoint.training;
  if (training.batch < 1)
    throw Error("resume", "the checkpoint has a model but no training state to resume");
  fix(options.model, arguments.model, checkpoint.model);
  fix(options.data, arguments.data.name, training.data);
  if (arguments.batch_text == "auto") arguments.batch = training.batch;
  fix(options.batch, arguments.batch, training.batch);
  fix(options.seed, arguments.seed, training.seed);
  fix(options.normalize, arguments.normalize, !checkpoint.input.options.mean.empty());
  TrainerOptions trainer = training.options;
  const auto take = [](const CLI::Option* option, const auto& given, auto& saved) {
    if (option->count() > 0) saved = given;
  };
  take(options.lr, arguments.trainer.lr, trainer.lr);
  take(options.momentum, arguments.trainer.momentum, trainer.momentum);
  take(options.weight_decay, arguments.trainer.weight_decay, trainer.weight_decay);
  arguments.trainer = trainer;
  for (const CLI::Option* option : options.fixed)
    if (option->count() > 0)
      throw Error("resume", fmt::format("reads {} from the checkpoint, expected no such option",
                                        option->get_name()));
}

}  // namespace tessera::tools
