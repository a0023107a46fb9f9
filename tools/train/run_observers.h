// Creates the observers that the options request, and calls them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "tools/shared/progress.h"
#include "tools/train/run_observer.h"

namespace tessera::tools {

struct ObserverOptions {
  std::string log;
  std::string tensorboard;
  std::string report;
  void add(CLI::App& command);
};

class RunObservers {
 public:
  /// Opens their files, so that errors appear before the training. Throws Error if one cannot be
  /// written. `log_every`: steps between reports. `appends`: the run resumes another.
  RunObservers(const ObserverOptions& options, std::int64_t log_every, bool appends,
               Progress& progress);

  void start(const RunStart& start);
  void begin_epoch();
  /// Called after each step with the number of its images.
  void count(std::int64_t images) { images_ += images; }
  /// Whether a report is due after so many total steps.
  bool due(std::int64_t step) const { return !observers_.empty() && step % log_every_ == 0; }
  /// Adds losses that have been read.
  void add(const LossSum& losses);
  void shares(const SharesReport& report);
  /// Reports a step; fills in loss and speed. `samples`: those of each of several devices since the
  /// last report.
  void step(StepReport report, const std::vector<DeviceSamples>& samples);
  /// Reports an epoch; fills in the seconds, as at the end.
  void epoch(EpochReport report);
  void end(RunEnd end);

 private:
  using Clock = std::chrono::steady_clock;
  /// Drops an observer that fails and prints one line, since the training matters more than its
  /// records.
  void tell(const std::function<void(RunObserver&)>& what);

  std::vector<std::unique_ptr<RunObserver>> observers_;
  std::int64_t log_every_;
  Progress& progress_;
  LossSum losses_;
  std::int64_t images_ = 0;  ///< since `reported_`
  Clock::time_point began_, epoch_began_, reported_;
};

}  // namespace tessera::tools
