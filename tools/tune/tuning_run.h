// Tuning in the tool: a child process measures each candidate within a time limit.
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
  double seconds = 300;           ///< time limit of the whole tuning
  double candidate_seconds = 20;  ///< time limit of one candidate, with the build of its programs
  bool again = false;             ///< tunes what has been tuned before too
  /// Adds the option for `seconds` under this name.
  void add(CLI::App& command, const char* seconds_option);
};

/// The result for a kind of node.
struct TuningOutcome {
  std::string key;
  Tuned tuned;
  std::vector<std::pair<Candidate, std::string>> rejected;  ///< and the reasons
};

/// A candidate and its measurement.
struct Measured {
  Candidate candidate;
  TuningReport report;
};

class TuningRun {
 public:
  /// `silent`: shows nothing.
  TuningRun(Device& device, const TuningOptions& options, bool silent);

  /// Tunes until all is done, the time is up or a signal arrives (tools/shared/interrupt.h), and
  /// stores each result at once.
  void run(const std::vector<TuningTask>& tasks);

  const std::vector<TuningOutcome>& outcomes() const { return outcomes_; }
  std::size_t known() const { return known_; }  ///< tuned before and skipped
  std::size_t left() const { return left_; }    ///< not tuned for lack of time
  const std::string& file() const { return file_; }
  std::string summary() const;

 private:
  using Clock = WorkerProcess::Clock;

  bool is_over() const;
  void start();
  /// Measures the algorithms with default parameters first, then the parameters of the fast ones.
  /// Returns whether the time sufficed.
  bool tune(const TuningTask& task);
  /// Returns the reports of the candidates; fewer if the time is up.
  std::vector<TuningReport> measure(TuningJob job);
  /// Appends its measurements. Returns whether the time sufficed.
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

/// The measuring process: opens the device and runs jobs until there are no more.
void serve_tuning(const std::string& device);

}  // namespace tessera::tools
