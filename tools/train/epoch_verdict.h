// What the evaluation of an epoch means for the rest of a run: a best model to keep, a lower
// learning rate, an early end.
#pragma once

#include <string>

#include "tessera/checkpoint.h"

namespace tessera::tools {

struct EpochVerdict {
  bool best = false;     ///< the best epoch so far
  bool lowered = false;  ///< the learning rate, by TrainingState::plateau
};

/// Takes the evaluation of the last epoch done, `state.epoch`, into the state's best epoch, plateau
/// and learning rate. A loss that is not finite is no better than any.
EpochVerdict judge_epoch(TrainingState& state, const ClassifierEvaluation& evaluation);

/// Whether the last `patience` epochs brought no better one.
bool out_of_patience(const TrainingState& state);

/// "epoch 3 (test loss 0.5123)", or "none".
std::string to_string(const BestEpoch& best);

/// Where the best model is kept: "net.best.safetensors" beside "net.safetensors".
std::string best_path(const std::string& out);

}  // namespace tessera::tools
