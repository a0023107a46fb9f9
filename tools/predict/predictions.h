// The predictions of a network for the images of a data set.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/classifier.h"

namespace tessera::tools {

struct Prediction {
  std::int64_t image = 0;  ///< its number
  std::int32_t label = 0;
  std::int32_t best = 0;  ///< the most probable class
  float probability = 0;  ///< of that class
  float label_probability = 0;
};

/// Returns the predictions for the first `count` images.
std::vector<Prediction> predict(ImageClassifier& network, const ImageDataset& dataset,
                                std::int64_t count, Weights weights);

}  // namespace tessera::tools
