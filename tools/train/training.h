// The loop of `tessera train` over epochs and batches, with checkpoints and a clean stop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/classifier_group.h"
#include "tessera/error.h"
#include "tools/shared/progress.h"
#include "tools/shared/trace.h"
#include "tools/train/run_observers.h"
#include "tools/train/train_options.h"

namespace tessera::tools {

/// The device has failed; the message says how.
class DeviceFailed : public Error {
 public:
  DeviceFailed(const Error& error, Checkpoint last, std::string saved)
      : Error(error.what()), last_(std::move(last)), saved_(std::move(saved)) {}
  /// The state after the last steps that are known to be done.
  const Checkpoint& last() const { return last_; }
  /// The last checkpoint on disk, or nothing.
  const std::string& saved() const { return saved_; }

 private:
  Checkpoint last_;
  std::string saved_;
};

/// A run, from its current state to its last epoch.
class Training {
 public:
  /// `checkpoint`: path of the checkpoint to resume from, or empty. All references must outlive the
  /// object.
  Training(const TrainArguments& arguments, const DeviceGroup& devices, ImageClassifier& network,
           const ImageDataset& train, const ImageDataset& test, const TrainingState& state,
           const std::string& checkpoint, const std::vector<OptionValue>& options);

  /// Returns the graphs of the steps and of the evaluation between epochs.
  std::vector<Graph> graphs() const;

  /// Throws DeviceFailed if another device can continue, else Error.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  bool stopped() const;
  /// Throws Error if all steps of an epoch were skipped.
  void check_epoch() const;
  void print_stopped() const;
  /// Steps of an epoch.
  std::int64_t epoch_steps() const;
  bool is_save_due() const;
  void run_epoch();
  /// Returns loader options for the rest of the current epoch, from batch `first` on.
  LoaderOptions batches_from(std::int64_t first) const;
  const Batch* next_batch(Loader& loader);
  void end_trace();
  void save();
  /// Stores the best model and changes the learning rate according to the evaluation of the last
  /// epoch.
  void judge(EpochReport report);
  /// On all devices if they give the bits of one.
  ClassifierEvaluation evaluate();
  void end_epoch(std::int64_t images);
  void take_losses();
  /// Of several devices.
  std::vector<DeviceSamples> take_samples();
  Weights tested() const;
  double last_lr() const;
  double mean_loss() const;
  void end(Outcome outcome, const std::string& error = {});
  void print_plan(std::int64_t batch);
  /// Stores and prints how the devices share the work.
  void take_shares(const GroupShares& shares, const std::string& text);
  GroupOptions sharing();
  /// Adds the node that caused a non-finite step to its error.
  template <typename Action>
  void explained(const Action& action);
  /// Adds what is left of the run to an error; `of_device`: the device may have failed.
  template <typename Action>
  void guard(const Action& action, bool of_device = true);
  /// Reports a failure of a record; the run continues without it.
  template <typename Action>
  void tolerate(const Action& action);

  const TrainArguments& arguments_;
  const DeviceGroup& devices_;
  ImageClassifier& network_;
  const ImageDataset& train_;
  const ImageDataset& test_;
  TrainingState state_;
  Trainer trainer_;
  Progress progress_;
  RunObservers observers_;
  std::unique_ptr<ClassifierGroup> replicas_;  ///< of several devices of one kind
  const std::vector<OptionValue>& options_;
  bool best_ = false;  ///< whether the last epoch is the best so far
  bool printed_ = false;
  std::string checkpoint_;          ///< the last good checkpoint of this run, or empty
  std::optional<Checkpoint> last_;  ///< for --fallback
  static constexpr std::int64_t most_traced = 50;
  Trace trace_;
  std::int64_t traced_ = 0;  ///< steps
  Clock::time_point saved_;  ///< the last checkpoint, or the start
};

}  // namespace tessera::tools
