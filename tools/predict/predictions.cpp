#include "tools/predict/predictions.h"

#include <algorithm>

#include "tools/shared/networks.h"

namespace tessera::tools {

std::vector<Prediction> predict(ImageClassifier& network, const ImageDataset& dataset,
                                std::int64_t count, Weights weights) {
  const std::int64_t most_at_once = evaluation_batch(dataset);
  std::vector<Prediction> predictions;
  const auto bytes = static_cast<std::size_t>(dataset.image_bytes());
  for (std::int64_t first = 0; first < count; first += most_at_once) {
    const std::int64_t images = std::min(most_at_once, count - first);
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(images) * bytes);
    for (std::int64_t i = 0; i < images; ++i) {
      const std::span place = std::span(pixels).subspan(static_cast<std::size_t>(i) * bytes, bytes);
      predictions.push_back({.image = first + i, .label = dataset.read(first + i, place)});
    }
    const std::vector<float> all = network.predict(pixels, images, weights);
    const std::size_t classes = all.size() / static_cast<std::size_t>(images);
    for (std::int64_t i = 0; i < images; ++i) {
      Prediction& prediction = predictions[static_cast<std::size_t>(first + i)];
      const std::span row = std::span(all).subspan(static_cast<std::size_t>(i) * classes, classes);
      const auto best = std::max_element(row.begin(), row.end());
      prediction.best = static_cast<std::int32_t>(best - row.begin());
      prediction.probability = *best;
      prediction.label_probability = row[static_cast<std::size_t>(prediction.label)];
    }
  }
  return predictions;
}

}  // namespace tessera::tools
