// The sums over the batches of an evaluation.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "tessera/classifier.h"

namespace tessera {

/// Adds the answers to batches, which must come in the order of the images.
class EvaluationSum {
 public:
  using OnImage = std::function<void(std::int32_t label, std::span<const float> probabilities)>;
  EvaluationSum(std::size_t classes, OnImage on_image)
      : classes_(classes), on_image_(std::move(on_image)) {}

  /// Throws Error unless each label of a batch, whose images begin at `first`, is that of a class.
  void check(std::span<const std::int32_t> labels, std::int64_t first) const;
  void add(std::span<const std::int32_t> labels, const ImageAnswers& answers);
  /// Images added so far.
  std::int64_t images() const { return images_; }
  ClassifierEvaluation mean() const;

 private:
  std::size_t classes_;
  OnImage on_image_;
  double loss_ = 0;
  std::int64_t hits_ = 0, images_ = 0;
};

}  // namespace tessera
