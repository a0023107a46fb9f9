// Changes of the data since a checkpoint was written.
#pragma once

#include <string>

#include "tessera/checkpoint.h"

namespace tessera::tools {

/// Stores the fingerprints of the data of a run in its state.
void keep_fingerprints(TrainingState& state, const ImageDataset& train, const ImageDataset& test);

/// Returns the differences between the fingerprints of two states, such as "3 images added, 1
/// removed"; empty if nothing has changed or a fingerprint is missing.
std::string data_changes(const TrainingState& before, const TrainingState& now);
/// Warns on stderr about changes of the test images, and about a split rule with which one added
/// image changes the whole split.
void warn_of_changes(const TrainingState& state, const ImageDataset& test);
void warn_of_split_rule(const TrainingState& state, const ImageDataset& test);

}  // namespace tessera::tools
