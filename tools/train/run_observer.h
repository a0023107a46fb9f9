// Observers record a training. They are called at its start, after steps and epochs, and at its
// end. The arguments of a call are cheap; reading from the network stalls the device.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/checkpoint.h"
#include "tools/shared/run_config.h"

namespace tessera::tools {

/// Returns the current time in seconds since 1970.
inline double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// References that outlive the run.
struct RunStart {
  ImageClassifier& network;
  const ImageDataset& train;
  const ImageDataset& test;
  Weights weights;  ///< the weights that are tested
  const std::vector<OptionValue>& options;
  TrainingState state;  ///< the start of the run
  bool resumes = false;
};

struct DeviceRate {
  std::string id;
  double images_per_second = 0;
};

struct StepReport {
  std::int64_t step = 0;   ///< total steps done
  std::int64_t epoch = 0;  ///< counted from 1
  double loss = 0;         ///< mean over the images since the last report; NaN if there are none
  double lr = 0;           ///< of this step
  double images_per_second = 0;
  std::vector<DeviceRate> devices = {};  ///< of several
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
  double seconds = 0;  ///< with the evaluation; since the resume, if that was in this epoch
};

enum class Outcome : std::uint8_t { end, interrupted, failed };

struct RunEnd {
  Outcome outcome = Outcome::end;
  std::int64_t step = 0;
  std::int64_t epochs = 0;  ///< done
  double seconds = 0;
  std::string error;  ///< of a failed run
  BestEpoch best;
  bool early = false;  ///< stopped by --patience
};

/// An observer that throws Error, since its record cannot be written, is not called again.
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
