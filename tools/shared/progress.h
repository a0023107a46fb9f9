// Progress of long work: a bar on a terminal, else plain lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tessera/classifier.h"

namespace tessera::tools {

/// Progress of a training.
class Progress {
 public:
  /// `log_every`: steps between plain lines.
  Progress(std::int64_t epochs, std::int64_t steps_per_epoch, std::int64_t log_every);

  /// Starts an epoch (counted from 1), of which `step` steps are already done.
  void begin_epoch(std::int64_t epoch, std::int64_t step);
  /// Whether it is time to show progress. The caller asks after each step, and reads the loss,
  /// which stalls the device, only if so.
  bool due(std::int64_t step);
  /// Shows progress: `images` since begin_epoch, and the mean `loss` of the epoch so far.
  void show(std::int64_t step, std::int64_t images, double loss);
  void end_epoch(std::int64_t images, double loss, const ClassifierEvaluation& test);
  /// Ends the bar's line, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  double seconds() const;

  bool terminal_;
  std::int64_t epochs_;
  std::int64_t steps_per_epoch_;
  std::int64_t log_every_;
  std::int64_t epoch_ = 0;
  std::int64_t first_step_ = 0;
  Clock::time_point began_;
  Clock::time_point shown_{};  ///< the first step of all is shown at once
};

/// Progress of countable work.
class CountProgress {
 public:
  /// `silent`: shows nothing.
  explicit CountProgress(bool silent);

  /// Shows a bar for `done` parts, on terminals only; `text` names the next part.
  void show(std::int64_t done, std::int64_t all, const std::string& text);
  /// Prints a permanent line.
  void line(const std::string& text);
  /// Ends the bar's line.
  void clear();

 private:
  bool terminal_;
  bool silent_;
};

}  // namespace tessera::tools
