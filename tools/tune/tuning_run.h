// Tuning as the commands do it: each candidate is measured in a process of its own, within a time.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tessera/tuner.h"
#include "tools/commands.h"
#include "tools/shared/progress.h"
#include "tools/shared/worker_process.h"

namespace tessera::tools {

struct TuningOptions {
  double seconds = 300;           ///< for all of it
  double candidate_seconds = 20;  ///< for one candidate, programs built included
  bool again = false;             ///< also what has been tuned before
  /// `seconds`: of the option that bounds all of it.
  void add(CLI::App& command, const char* seconds_option);
};

/// What was found for a kind of node.
struct TuningOutcome {
  std::string key;
  Tuned tuned;
  std::vector<std::pair<Candidate, std::string>> rejected;  ///< with the reasons
};

/// A candidate and what became of it.
struct Measured {
  Candidate candidate;
  TuningReport report;
};

class TuningRun {
 public:
  /// `silent`: shows nothing.
  TuningRun(Device& device, const TuningOptions& options, bool silent);

  /// Tunes until all is done, the time is up or a signal came (tools/shared/interrupt.h), and
  /// stores each result as soon as there is one.
  void run(const std::vector<TuningTask>& tasks);

  const std::vector<TuningOutcome>& outcomes() const { return outcomes_; }
  std::size_t known() const { return known_; }  ///< tuned before and passed over
  std::size_t left() const { return left_; }    ///< for which there was no time
  const std::string& file() const { return file_; }
  std::string summary() const;

 private:
  using Clock = WorkerProcess::Clock;

  bool is_over() const;
  void start();
  /// Whether there was time for it. First come the algorithms as they choose for themselves, then
  /// the parameters of the fast ones.
  bool tune(const TuningTask& task);
  /// The reports of the candidates, those after the time fewer.
  std::vector<TuningReport> measure(TuningJob job);
  /// Appends what it measures. Whether there was time for all.
  bool measure(TuningJob job, std::vector<Measured>& measured);
  void store(TuningOutcome outcome);

  Device& device_;
  TuningOptions options_;
  Clock::time_point end_;
  CountProgress progress_;
  std::unique_ptr<WorkerProcess> worker_;
  std::vector<TuningOutcome> outcomes_;
  std::size_t known_ = 0;
  std::size_t left_ = 0;
  std::string file_;
};

/// The process that measures: opens the device and answers jobs until there are none.
void serve_tuning(const std::string& device);

}  // namespace tessera::tools
