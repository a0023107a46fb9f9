// The times of the layers of a training step, measured on a separate network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/classifier.h"
#include "tessera/trainer.h"

namespace tessera::tools {

struct LayerTime {
  std::string name;
  std::string how;     ///< op and algorithm; empty for the upload of an input
  double seconds = 0;  ///< of a step
};

/// Returns the times, the longest first. Runs a few steps with the first images of the data set and
/// leaves `network` unchanged.
std::vector<LayerTime> layer_times(const ImageClassifier& network, const TrainerOptions& options,
                                   const ImageDataset& dataset, std::int64_t batch);

}  // namespace tessera::tools
