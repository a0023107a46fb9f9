// The plans of a training on one device, with its copy of the weights and states.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/training/parts.h"
#include "tessera/trainer.h"

namespace tessera {

/// A step of a training: its batch, and the number of previous steps.
struct TrainingStep {
  const Batch& batch;
  std::int64_t step;
};

using SetInput = std::function<void(std::string_view name, std::span<const std::byte> bytes)>;

/// Sets the inputs of part `k` of a batch, except the learning rate and the slots (part_sums.h).
void set_inputs(const Task& task, const TrainerOptions& options, const TrainingStep& step,
                Part part, std::int64_t k, const SetInput& set);
/// Sets the operation of each slot after part `k` of the `count` parts of a subtree.
void set_folds(std::int64_t k, std::int64_t count, int slots, const SetInput& set);

class Replica {
 public:
  /// The states of the training must be in `params`. All must outlive the replica.
  Replica(Params& params, const Task& task, const TrainerOptions& options)
      : params_(params), task_(task), options_(options) {}

  Params& params() { return params_; }

  /// Starts a step in one plan.
  void run_whole(const TrainingStep& step, float lr);
  /// Starts the gradients of a subtree, whose sum is in the last of `slots` slots afterwards.
  void run_parts(const TrainingStep& step, const std::vector<Part>& parts, PartRange subtree,
                 int slots);
  /// Starts the update of the weights with the sums in the last slot.
  void run_update(float lr);

  /// Returns the plan for this many samples, created on first use.
  Executable& executable(std::int64_t samples, StepPart part) {
    return *plan_for(samples, part).executable;
  }
  /// Whether this plan exists.
  bool has(std::int64_t samples, StepPart part) const { return plans_.contains({samples, part}); }
  /// Returns all plans made so far.
  std::vector<Executable*> executables();

 private:
  struct Plan {
    std::unique_ptr<Executable> executable;
    std::map<std::string, float, std::less<>> numbers;  ///< inputs as they were set last
  };
  Plan& plan_for(std::int64_t samples, StepPart part);
  void set(Plan& plan, std::string_view name, std::span<const std::byte> bytes);

  Params& params_;
  const Task& task_;
  const TrainerOptions& options_;
  std::map<std::pair<std::int64_t, StepPart>, Plan> plans_;  ///< by samples
};

}  // namespace tessera
