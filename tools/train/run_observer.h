// Who watches a training: each is told how it begins, goes on and ends, and keeps a record of its
// own. What it is told costs nothing; what it reads from the network makes the device wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/checkpoint.h"
#include "tools/shared/run_config.h"

namespace tessera::tools {

/// Now, in seconds since 1970.
inline double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// All of it outlives the run.
struct RunStart {
  ImageClassifier& network;
  const ImageDataset& train;
  const ImageDataset& test;
  Weights weights;  ///< those that are tested
  const std::vector<OptionValue>& options;
  TrainingState state;  ///< where the run begins
  bool resumes = false;
};

struct StepReport {
  std::int64_t step = 0;   ///< steps done in all
  std::int64_t epoch = 0;  ///< counted from 1
  double loss = 0;         ///< mean of the images since the last report; NaN of none
  double lr = 0;           ///< of this step
  double images_per_second = 0;
};

struct SharesReport {
  GroupShares shares;
  std::string text;  ///< why they have changed; empty at first
};

struct EpochReport {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double train_loss = 0;  ///< mean of its images
  ClassifierEvaluation test;
  bool best = false;   ///< so far
  double seconds = 0;  ///< with the evaluation; since the run went on, if it did in this epoch
};

enum class Outcome : std::uint8_t { end, interrupted, failed };

struct RunEnd {
  Outcome outcome = Outcome::end;
  std::int64_t step = 0;
  std::int64_t epochs = 0;  ///< done
  double seconds = 0;
  std::string error;  ///< of one that failed
  BestEpoch best;
  bool early = false;  ///< out of patience
};

/// Throws Error when its record cannot be written; it is then told no more.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_start(const RunStart& start) = 0;
  virtual void on_step(const StepReport& step) = 0;
  virtual void on_shares(const SharesReport&) {}
  virtual void on_epoch(const EpochReport& epoch) = 0;
  virtual void on_end(const RunEnd& end) = 0;
};

}  // namespace tessera::tools
