#include "tools/shared/data_changes.h"

#include <utility>

#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

std::optional<DataFingerprint> known(const ImageDataset& dataset) {
  DataFingerprint print = fingerprint_of(dataset);
  return print.size() > 0 ? std::optional(std::move(print)) : std::nullopt;
}

std::string changes_of(const std::optional<DataFingerprint>& before,
                       const std::optional<DataFingerprint>& now) {
  return before && now ? changes(*before, *now) : "";
}

std::string both(const std::string& train, const std::string& test) {
  if (test.empty()) return train.empty() ? "" : "training images: " + train;
  return (train.empty() ? "" : "training images: " + train + "; ") + "test images: " + test;
}

}  // namespace

void keep_fingerprints(TrainingState& state, const ImageDataset& train, const ImageDataset& test) {
  state.train_images = train.size();
  state.train_data = known(train);
  const bool divided = state.train_data && state.train_data->divided;
  state.test_data = divided ? std::nullopt : known(test);
}

std::string data_changes(const TrainingState& before, const TrainingState& now) {
  const std::string of_train = changes_of(before.train_data, now.train_data);
  if (now.train_data && now.train_data->divided) return of_train;
  return both(of_train, changes_of(before.test_data, now.test_data));
}

void warn_of_changes(const TrainingState& state, const ImageDataset& test) {
  const auto now = known(test);
  const std::string found = now && now->divided ? changes_of(state.train_data, now)
                                                : both("", changes_of(state.test_data, now));
  if (!found.empty()) print_note("warning: the data has changed since the training: " + found);
  warn_of_split_rule(state, test);
}

void warn_of_split_rule(const TrainingState& state, const ImageDataset& test) {
  if (state.split_rule == SplitRule::by_content || !test.contents().divided) return;
  print_note(
      "warning: the checkpoint is from an earlier version that chose test images by their order; "
      "any image added, removed or renamed since then changes the choice");
}

}  // namespace tessera::tools
