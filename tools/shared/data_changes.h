// What has changed in the data of a checkpoint since it was written.
#pragma once

#include <string>

#include "tessera/checkpoint.h"

namespace tessera::tools {

/// Keeps the fingerprints of the data of a run in its state.
void keep_fingerprints(TrainingState& state, const ImageDataset& train, const ImageDataset& test);

/// Between the fingerprints of two states, in words, as "3 images added, 1 removed"; nothing when
/// nothing is known or has changed.
std::string data_changes(const TrainingState& before, const TrainingState& now);
/// Warns on stderr of changes that can be seen from the test images, and of a split rule by which
/// an added image changes which others are tested.
void warn_of_changes(const TrainingState& state, const ImageDataset& test);
void warn_of_split_rule(const TrainingState& state, const ImageDataset& test);

}  // namespace tessera::tools
