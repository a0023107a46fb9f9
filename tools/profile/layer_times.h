// How long the layers of a training step take, measured on a network of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/classifier.h"
#include "tessera/trainer.h"

namespace tessera::tools {

struct LayerTime {
  std::string name;
  std::string how;     ///< op and algorithm; empty of an input on its way
  double seconds = 0;  ///< of a step
};

/// The longest first. Takes a few steps with the first images of the data set; `network` stays as
/// it is.
std::vector<LayerTime> layer_times(const ImageClassifier& network, const TrainerOptions& options,
                                   const ImageDataset& dataset, std::int64_t batch);

}  // namespace tessera::tools
