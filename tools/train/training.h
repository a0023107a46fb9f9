// The loop of `tessera train` over epochs and batches, with checkpoints and a clean stop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/error.h"
#include "tools/shared/progress.h"
#include "tools/shared/trace.h"
#include "tools/train/run_observers.h"
#include "tools/train/train_options.h"

namespace tessera::tools {

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

/// A run, from where its state stands to its last epoch.
class Training {
 public:
  /// `checkpoint`: the one that the run resumes from, or nothing. All references must outlive it.
  Training(const TrainArguments& arguments, const DeviceGroup& devices, ImageClassifier& network,
           const ImageDataset& train, const ImageDataset& test, const TrainingState& state,
           const std::string& checkpoint, const std::vector<OptionValue>& options);

  /// Of the steps and of the evaluation between epochs.
  std::vector<Graph> graphs() const;

  /// Throws DeviceFailed where another device can continue, and Error.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  bool stopped() const;
  /// Throws Error when an epoch brought nothing.
  void check_epoch() const;
  void print_stopped() const;
  /// Steps of an epoch.
  std::int64_t epoch_steps() const;
  bool is_save_due() const;
  void run_epoch();
  /// Those of the epoch begun.
  LoaderOptions batches_from(std::int64_t first) const;
  const Batch* next_batch(Loader& loader);
  void end_trace();
  void save();
  /// Keeps the model and changes the learning rate as the evaluation of the last epoch wants it.
  void judge(EpochReport report);
  void end_epoch(std::int64_t images);
  void take_losses();
  Weights tested() const;
  double last_lr() const;
  double mean_loss() const;
  void end(Outcome outcome, const std::string& error = {});
  void print_plan(std::int64_t batch);
  /// Keeps and tells how the devices share the work.
  void take_shares(const GroupShares& shares, const std::string& text);
  GroupOptions sharing();
  /// Says of a step that is not finite which node made it so.
  template <typename Action>
  void explained(const Action& action);
  /// Says of a failure what is left of the run; `of_device`: it may be the device's.
  template <typename Action>
  void guard(const Action& action, bool of_device = true);
  /// No record is worth a training: says of a failure that the run continues without it.
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
  const std::vector<OptionValue>& options_;
  bool best_ = false;  ///< the epoch done last, so far
  bool printed_ = false;
  std::string checkpoint_;          ///< the last good one of this run, or none
  std::optional<Checkpoint> last_;  ///< at hand for another device, when it was asked for
  static constexpr std::int64_t most_traced = 50;
  Trace trace_;
  std::int64_t traced_ = 0;  ///< steps
  Clock::time_point saved_;  ///< the last checkpoint, or the start
};

}  // namespace tessera::tools
