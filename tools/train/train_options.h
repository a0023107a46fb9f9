// The options of `tessera train`, and how they combine with the settings of a checkpoint.
#pragma once

#include "tessera/checkpoint.h"
#include "tools/commands.h"
#include "tools/shared/networks.h"
#include "tools/train/run_observers.h"
#include "tools/tune/tuning_run.h"

namespace tessera::tools {

/// The interval between checkpoints within an epoch; 0: none.
struct SaveInterval {
  std::int64_t steps = 0;
  double minutes = 0;
};

struct TrainArguments {
  std::string model = "tutorial";
  DataOptions data{.name = "fashion-mnist"};
  DeviceOption device;
  std::int64_t epochs = 10;
  std::string batch_text;  ///< as given: a number, "auto" or empty
  std::int64_t batch = 0;
  std::uint64_t seed = 0;
  bool normalize = false;
  PixelOptions pixels;
  std::string out;
  std::string resume;
  bool accept_changed_data = false;
  std::int64_t log_every = 0;  ///< 0: by the number of steps
  std::int64_t steps = 0;      ///< 0: no limit
  SaveInterval save_every;
  bool verbose = false;
  bool tune = false;
  TuningOptions tuning;
  std::string trace;
  ObserverOptions observers;
  std::string weights;  ///< file of initial weights
  bool new_head = false;
  TrainerOptions trainer;
  std::string augment;
  std::string shares;               ///< of the devices: numbers or a model file
  std::int64_t check_replicas = 0;  ///< steps; 0: never
  std::string loss;                 ///< empty: the model's
  std::string optimizer = "sgd";
  std::string on_nan = "stop";
  std::string fallback;
  std::string schedule = "constant";
  double period = 1;                     ///< in epochs
  std::vector<std::int64_t> milestones;  ///< in epochs
  std::string plateau;                   ///< FACTOR,PATIENCE
  bool balance = false;
  std::string keep;
  std::string keep_by = "loss";
  std::int64_t patience = 0;
};

/// Options to resume a run, and options that a checkpoint fixes; each knows whether it was given.
struct TrainOptions {
  CLI::Option *model, *data, *epochs, *batch, *seed, *normalize, *resume;
  CLI::Option *lr, *momentum, *weight_decay;
  CLI::Option *keep, *keep_by, *patience, *parts, *accumulate;
  std::vector<CLI::Option*> fixed;  ///< the rest of optimizer and schedule
};

/// Returns the steps of an epoch, with the smaller last batch.
inline std::int64_t steps_of_epoch(std::int64_t images, std::int64_t batch) {
  return 1 + (images - 1) / batch;
}

/// Adds the options, which fill `arguments`; it must outlive the command.
TrainOptions add_train_options(CLI::App& command, TrainArguments& arguments);

/// Returns the trainer's options of a new run, whose schedule is as long as the run.
TrainerOptions trainer_options(const TrainArguments& arguments, std::int64_t steps_per_epoch);

/// Parses FACTOR,PATIENCE of --reduce-on-plateau; empty turns it off. Throws Error if it is
/// malformed.
Plateau plateau_of(const std::string& text);

/// Sets the options for best epoch, patience and plateau of a new or resumed run. Given options
/// override the checkpoint.
BestEpoch best_epoch(const TrainArguments& arguments, const TrainOptions& options, BestEpoch best);

/// Reads the settings of the interrupted run. Options given again must be equal, except the
/// learning rate, momentum and weight decay.
void take_settings(TrainArguments& arguments, const TrainOptions& options,
                   const Checkpoint& checkpoint);

/// Sets the last epoch of a resumed run: the original one, or --epochs. Throws Error if it is past
/// the end of the schedule.
void take_epochs(TrainArguments& arguments, const TrainOptions& options,
                 const ScheduleOptions& schedule, std::int64_t steps_per_epoch);

}  // namespace tessera::tools
