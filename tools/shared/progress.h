// What long work shows: a bar on a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tessera/classifier.h"

namespace tessera::tools {

/// Of a training.
class Progress {
 public:
  /// `log_every`: steps between plain lines.
  Progress(std::int64_t epochs, std::int64_t steps_per_epoch, std::int64_t log_every);

  /// A new epoch begins (counted from 1), with `step` of its steps done already.
  void begin_epoch(std::int64_t epoch, std::int64_t step);
  /// Is it time to show something? Asked after each step; reading the loss makes the device wait,
  /// so the caller does that only now.
  bool due(std::int64_t step);
  /// `images` were trained since begin_epoch; `loss` is the epoch's mean so far.
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

/// Of work in parts that are counted.
class CountProgress {
 public:
  /// `silent`: shows nothing.
  explicit CountProgress(bool silent);

  /// `done` of the parts are done, and `text` says what comes: a bar, on terminals only.
  void show(std::int64_t done, std::int64_t all, const std::string& text);
  /// A line that stays.
  void line(const std::string& text);
  /// Ends the bar's line.
  void clear();

 private:
  bool terminal_;
  bool silent_;
};

}  // namespace tessera::tools
