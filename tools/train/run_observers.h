// The observers of a training that its options ask for, and what they are told of its steps.
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
  /// Opens their files. Throws Error when one cannot be written: better than during the training.
  /// `log_every`: steps from report to report. `appends`: the run goes on where another ended.
  RunObservers(const ObserverOptions& options, std::int64_t log_every, bool appends,
               Progress& progress);

  void start(const RunStart& start);
  void begin_epoch();
  /// After each step of so many images.
  void count(std::int64_t images) { images_ += images; }
  /// Is it time for a report, after so many steps in all?
  bool due(std::int64_t step) const { return !observers_.empty() && step % log_every_ == 0; }
  /// Losses that have been read.
  void add(const LossSum& losses);
  void shares(const SharesReport& report);
  /// Loss and speed are filled in.
  void step(StepReport report);
  /// Seconds are filled in, here and at the end.
  void epoch(EpochReport report);
  void end(RunEnd end);

 private:
  using Clock = std::chrono::steady_clock;
  /// One that fails is dropped, with one line: no record is worth a training.
  void tell(const std::function<void(RunObserver&)>& what);

  std::vector<std::unique_ptr<RunObserver>> observers_;
  std::int64_t log_every_;
  Progress& progress_;
  LossSum losses_;
  std::int64_t images_ = 0;  ///< since `reported_`
  Clock::time_point began_, epoch_began_, reported_;
};

}  // namespace tessera::tools
