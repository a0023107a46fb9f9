// The trainer: forward pass, backward pass and update of a network as one plan, over batches.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "tessera/network.h"

namespace tessera {

struct TrainerOptions {
  double lr = 0.01;
  double momentum = 0.9;
};

/// Sum of the mean losses of some steps.
struct LossSum {
  double sum = 0;
  std::int64_t steps = 0;
  double mean() const { return steps == 0 ? 0.0 : sum / static_cast<double>(steps); }
};

class TESSERA_API Trainer {
 public:
  /// Adds to the network's params what is not there yet: the momentum buffers,
  /// "<parameter>.momentum", the number of steps done, "step" i32 [1], and "trainer.history". A
  /// checkpoint may be restored before or after, but before the first step. The network must
  /// outlive the trainer.
  explicit Trainer(Network& network, const TrainerOptions& options = {});

  /// Starts a step of stochastic gradient descent; does not wait for it. The first batch of a new
  /// size makes a plan for that size. Throws Error as take_losses does, now and then.
  void step(const Batch& batch);
  /// Waits for the steps so far; their losses since the last call. Throws Error that names the
  /// step when one is not finite.
  LossSum take_losses();
  /// The learning rate of the steps to come.
  void set_lr(double lr);

  /// Steps done, those of earlier trainers and restored checkpoints included.
  std::int64_t steps() const;
  Network& network() { return network_; }
  /// The plan's node list with the algorithm chosen for each, for a batch size already used.
  std::vector<std::string> describe(std::int64_t batch) const;

 private:
  struct Plan {
    std::unique_ptr<Executable> executable;
    double lr = -1;  ///< the one it was given last
  };
  Plan& plan_for(std::int64_t batch);
  void read_history();

  Network& network_;
  TrainerOptions options_;
  std::map<std::int64_t, Plan> plans_;  ///< by batch size
  std::int64_t first_step_ = 0;         ///< of the state "step" when this trainer began
  std::int64_t started_ = 0;            ///< steps of this trainer
  std::int64_t read_ = 0;               ///< steps whose losses have been read
  LossSum pending_;                     ///< read but not taken
};

}  // namespace tessera
