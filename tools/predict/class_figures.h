// The confusion matrix of a model, and the figures that follow from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tessera::tools {

/// The largest number of classes whose whole matrix is shown.
constexpr std::size_t most_classes_of_a_matrix = 30;
/// The predictions that count for the top-5 accuracy, which is meaningless with no more classes.
constexpr std::size_t top_classes = 5;

/// The confusion matrix of an evaluation, and the figures of each class that follow from it.
class ClassFigures {
 public:
  explicit ClassFigures(std::size_t classes) : images_(classes), predicted_(classes) {}

  /// Counts an image of class `label` that was predicted as class `best`.
  void add(std::int32_t label, std::int32_t best);
  /// Counts an image by the probabilities of all classes. The first of equal ones is the
  /// prediction.
  void add(std::int32_t label, std::span<const float> probabilities);

  std::size_t classes() const { return images_.size(); }
  /// Images of class `label` that were predicted as class `best`.
  std::int64_t count(std::size_t label, std::size_t best) const;
  /// Images of a class.
  std::int64_t images(std::size_t label) const { return images_[label]; }
  /// Images that were predicted as a class.
  std::int64_t predicted(std::size_t best) const { return predicted_[best]; }
  /// Images of a class that were predicted correctly.
  std::int64_t right(std::size_t label) const { return count(label, label); }

  /// Share of the images predicted as a class that belong to it; nothing if there are none.
  std::optional<double> precision(std::size_t label) const;
  /// Share of the images of a class that were predicted correctly; nothing if there are none.
  std::optional<double> recall(std::size_t label) const;
  /// Harmonic mean of precision and recall; nothing if no image belongs to the class or was
  /// predicted as it.
  std::optional<double> f1(std::size_t label) const;
  /// Share of all images whose class is among the five most probable ones; nothing of at most five
  /// classes, or if images were counted without probabilities.
  std::optional<double> top5() const;

  using Figure = std::optional<double> (ClassFigures::*)(std::size_t) const;
  /// All classes sorted by a figure, the lowest first; classes without the figure are last.
  std::vector<std::size_t> worst_first(Figure figure) const;

  struct Confused {
    std::size_t label = 0, best = 0;
    std::int64_t images = 0;
  };
  /// The most confused pairs of different classes, at most `most`.
  std::vector<Confused> most_confused(std::size_t most) const;

  /// The matrix as CSV (RFC 4180): a row for each class, a column for each prediction, both with
  /// the names of the classes.
  std::string csv(const std::vector<std::string>& names) const;

 private:
  std::vector<std::int64_t> images_, predicted_;
  std::map<std::pair<std::size_t, std::size_t>, std::int64_t> counts_;
  std::int64_t all_ = 0, ranked_ = 0, in_top_ = 0;
};

}  // namespace tessera::tools
