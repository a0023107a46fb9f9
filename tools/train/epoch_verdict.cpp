#include "tools/train/epoch_verdict.h"

#include <fmt/core.h>

#include <cmath>
#include <filesystem>

namespace tessera::tools {
namespace {

constexpr double plateau_threshold = 1e-4;  // as in PyTorch, relative

bool take_best(BestEpoch& best, std::int64_t epoch, const ClassifierEvaluation& evaluation) {
  const bool by_loss = best.by == BestBy::loss;
  const double value = by_loss ? evaluation.loss : evaluation.accuracy;
  if (!std::isfinite(value)) return false;
  if (best.value && (by_loss ? value >= *best.value : value <= *best.value)) return false;
  best.value = value;
  best.epoch = epoch;
  return true;
}

bool take_plateau(Plateau& plateau, double loss) {
  if (plateau.factor == 1) return false;
  if (std::isfinite(loss) && (!plateau.best || loss < *plateau.best * (1 - plateau_threshold))) {
    plateau.best = loss;
    plateau.bad_epochs = 0;
    return false;
  }
  if (++plateau.bad_epochs <= plateau.patience) return false;
  plateau.bad_epochs = 0;
  return true;
}

}  // namespace

EpochVerdict judge_epoch(TrainingState& state, const ClassifierEvaluation& evaluation) {
  const EpochVerdict verdict{.best = take_best(state.best, state.epoch, evaluation),
                             .lowered = take_plateau(state.plateau, evaluation.loss)};
  if (verdict.lowered) state.options.lr = *state.options.lr * state.plateau.factor;
  return verdict;
}

bool out_of_patience(const TrainingState& state) {
  return state.best.patience > 0 && state.epoch - state.best.epoch >= state.best.patience;
}

std::string to_string(const BestEpoch& best) {
  if (!best.value) return "none";
  return fmt::format("epoch {} (test {} {:.4f})", best.epoch, tessera::to_string(best.by),
                     *best.value);
}

std::string best_path(const std::string& out) {
  const std::filesystem::path path(out);
  return (path.parent_path() / path.stem()).string() + ".best" + path.extension().string();
}

}  // namespace tessera::tools
