// How well a network tells classes apart: which class each image has, and which one it was taken
// for.
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

/// Pages and terminals show whole matrices of up to so many classes.
constexpr std::size_t most_classes_of_a_matrix = 30;
/// The predictions that count for the top-5 accuracy. Of so few classes it says nothing.
constexpr std::size_t top_classes = 5;

/// The confusion matrix of an evaluation, and the figures of each class that follow from it.
class ClassFigures {
 public:
  explicit ClassFigures(std::size_t classes) : images_(classes), predicted_(classes) {}

  /// Counts an image of class `label` that was taken for class `best`.
  void add(std::int32_t label, std::int32_t best);
  /// Counts an image by the probabilities of all classes. Of equal ones the first class is the
  /// best.
  void add(std::int32_t label, std::span<const float> probabilities);

  std::size_t classes() const { return images_.size(); }
  /// Images of a class that were taken for another or for what they are.
  std::int64_t count(std::size_t label, std::size_t best) const;
  /// Images of a class.
  std::int64_t images(std::size_t label) const { return images_[label]; }
  /// Images that were taken for a class.
  std::int64_t predicted(std::size_t best) const { return predicted_[best]; }
  /// Images of a class that were taken for what they are.
  std::int64_t right(std::size_t label) const { return count(label, label); }

  /// Share of the images taken for a class that are of it; nothing if there is none.
  std::optional<double> precision(std::size_t label) const;
  /// Share of the images of a class that were taken for it; nothing if there is none.
  std::optional<double> recall(std::size_t label) const;
  /// Harmonic mean of precision and recall; nothing if no image is of the class or taken for it.
  std::optional<double> f1(std::size_t label) const;
  /// Share of all images whose class is among the five most probable ones; nothing of at most five
  /// classes, or if images were counted without probabilities.
  std::optional<double> top5() const;

  using Figure = std::optional<double> (ClassFigures::*)(std::size_t) const;
  /// All classes by a figure, the lowest first; those without the figure are last.
  std::vector<std::size_t> worst_first(Figure figure) const;

  struct Confused {
    std::size_t label = 0, best = 0;
    std::int64_t images = 0;
  };
  /// The pairs of different classes that were confused most, at most `most` of them.
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
