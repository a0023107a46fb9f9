#include "engine/training/evaluation_sum.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/error.h"

namespace tessera {

void EvaluationSum::check(std::span<const std::int32_t> labels, std::int64_t first) const {
  const auto classes = static_cast<std::int64_t>(classes_);
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw Error("data",
                  fmt::format("image {} has label {}, expected 0 to {}",
                              first + static_cast<std::int64_t>(i), labels[i], classes - 1));
}

void EvaluationSum::add(std::span<const std::int32_t> labels, const ImageAnswers& answers) {
  const auto classes = static_cast<std::ptrdiff_t>(classes_);
  auto row = answers.probabilities.begin();
  for (const std::int32_t label : labels) {
    hits_ += std::max_element(row, row + classes) - row == label;
    if (on_image_) on_image_(label, {row, row + classes});
    row += classes;
  }
  loss_ += answers.loss;
  images_ += static_cast<std::int64_t>(labels.size());
}

ClassifierEvaluation EvaluationSum::mean() const {
  if (images_ == 0) return {};
  const auto count = static_cast<double>(images_);
  return {loss_ / count, static_cast<double>(hits_) / count, images_};
}

}  // namespace tessera
