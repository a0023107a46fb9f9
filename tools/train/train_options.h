// The options of `tessera train`, and how they go together with those of a checkpoint.
#pragma once

#include "tessera/checkpoint.h"
#include "tools/commands.h"
#include "tools/shared/networks.h"
#include "tools/train/run_observers.h"
#include "tools/tune/tuning_run.h"

namespace tessera::tools {

/// Between checkpoints within an epoch; 0: none.
struct SaveInterval {
  std::int64_t steps = 0;
  double minutes = 0;
};

struct TrainArguments {
  std::string model = "tutorial";
  DataOptions data{.name = "fashion-mnist"};
  DeviceOption device;
  std::int64_t epochs = 10;
  std::string batch_text;  ///< as given: a number, "auto" or nothing
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
  std::string weights;  ///< of PyTorch, to begin with
  bool new_head = false;
  TrainerOptions trainer;
  std::string augment;
  std::string shares;  ///< of the devices: numbers or a model file
  std::string loss;    ///< empty: the model's
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

/// The options that say where a run goes on and what a checkpoint fixes; each holds whether it was
/// given.
struct TrainOptions {
  CLI::Option *model, *data, *epochs, *batch, *seed, *normalize, *resume;
  CLI::Option *lr, *momentum, *weight_decay;
  CLI::Option *keep, *keep_by, *patience, *parts, *accumulate;
  std::vector<CLI::Option*> fixed;  ///< the rest of optimizer and schedule
};

/// Steps of an epoch: the last batch may be smaller.
inline std::int64_t steps_of_epoch(std::int64_t images, std::int64_t batch) {
  return 1 + (images - 1) / batch;
}

/// The options fill `arguments`, which must outlive the command.
TrainOptions add_train_options(CLI::App& command, TrainArguments& arguments);

/// The trainer's options for a run of its own; a schedule is as long as the run.
TrainerOptions trainer_options(const TrainArguments& arguments, std::int64_t steps_per_epoch);

/// FACTOR,PATIENCE of --reduce-on-plateau, or one that is off. Throws Error when it is neither.
Plateau plateau_of(const std::string& text);

/// Which epoch is best, and what follows from it, for a run that begins or continues: options that
/// were given change what a checkpoint says.
BestEpoch best_epoch(const TrainArguments& arguments, const TrainOptions& options, BestEpoch best);

/// Takes the settings of the interrupted run; one given again must be the same, but for the
/// learning rate, momentum and weight decay, which may change.
void take_settings(TrainArguments& arguments, const TrainOptions& options,
                   const Checkpoint& checkpoint);

/// Where a run that is resumed ends: where it was to end at first, or at --epochs. Throws Error
/// when that lies past the end of its schedule.
void take_epochs(TrainArguments& arguments, const TrainOptions& options,
                 const ScheduleOptions& schedule, std::int64_t steps_per_epoch);

}  // namespace tessera::tools
