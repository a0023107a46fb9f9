// Decides after the evaluation of an epoch: keep a best model, lower the learning rate, stop early.
#pragma once

#include <string>

#include "tessera/checkpoint.h"

namespace tessera::tools {

struct EpochVerdict {
  bool best = false;     ///< the best epoch so far
  bool lowered = false;  ///< the learning rate, by TrainingState::plateau
};

/// Updates the best epoch, plateau and learning rate of the state with the evaluation of the last
/// epoch, `state.epoch`. A non-finite loss is never better.
EpochVerdict judge_epoch(TrainingState& state, const ClassifierEvaluation& evaluation);

/// Whether none of the last `patience` epochs was better.
bool out_of_patience(const TrainingState& state);

/// "epoch 3 (test loss 0.5123)", or "none".
std::string to_string(const BestEpoch& best);

/// Returns the path of the best model: "net.best.safetensors" beside "net.safetensors".
std::string best_path(const std::string& out);

}  // namespace tessera::tools
