// Image classifiers: a task with the conveniences that images and classes allow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/augment.h"
#include "tessera/data.h"
#include "tessera/network.h"
#include "tessera/ops.h"

namespace tessera {

/// The images a model takes, as bytes, and how they become numbers.
struct ImageInput {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  ImageOptions options = {};
  Crop crop = Crop::none;  ///< of image files, DatasetOptions::crop
};

/// How far a classifier's logits are from the labels, and what makes probabilities of them.
enum class Loss : std::uint8_t {
  cross_entropy,  ///< softmax_cross_entropy: one class fits each image
  bce,  ///< bce_with_logits_loss of each class, the mean over all: each is judged for itself
};
/// "cross-entropy" or "bce"; `loss_of` throws Error that lists them.
TESSERA_API std::string to_string(Loss loss);
/// The inverse of to_string.
TESSERA_API Loss loss_of(const std::string& name);

/// How a training bends the loss; evaluation does not.
struct LossOptions {
  double label_smoothing = 0;  ///< the share of the target spread over all classes
  /// Of the images of each class, as in torch.nn.CrossEntropyLoss; empty: 1. Not for Loss::bce.
  std::vector<double> class_weights = {};

  /// Whether all options are equal.
  bool operator==(const LossOptions&) const = default;
};

/// A classifier of images.
struct ImageModel {
  std::string name;
  ImageInput input;
  std::vector<std::string> classes;
  /// Numbers f32 [N,H,W,C], padded and normalized, to logits f32 [N,classes].
  std::function<Var(Var x)> build;
  Loss loss = Loss::cross_entropy;
};

/// How well a classifier does on a data set.
struct ClassifierEvaluation {
  double loss = 0;      ///< mean over the images, as the model's loss defines it
  double accuracy = 0;  ///< fraction of images whose most probable class is their label
  std::int64_t images = 0;
};

/// What a classifier says to some images.
struct ImageAnswers {
  double loss = 0;                   ///< the sum over the images
  std::vector<float> probabilities;  ///< [N,classes]
};

/// An image model and its weights on a device.
class TESSERA_API ImageClassifier : public Network {
 public:
  /// As Network does. Throws Error if the model does not fit its input.
  ImageClassifier(Device& device, ImageModel model, std::optional<std::uint64_t> seed = 0);

  /// The model that it was made for.
  const ImageModel& model() const { return model_; }

  /// Returns the mean loss and the accuracy on a data set. `stops` is called before each batch and
  /// ends the evaluation early: `ClassifierEvaluation::images` counts the images until there.
  /// `on_image` gets the label and the probabilities [classes] of each image, in order. Throws
  /// Error if the images have another size than the model's, if a label has no class, or if
  /// averages are wanted and there are none.
  ClassifierEvaluation evaluate(
      const ImageDataset& dataset, std::int64_t batch = 250, Weights weights = Weights::last,
      const std::function<bool()>& stops = {},
      const std::function<void(std::int32_t label, std::span<const float> probabilities)>&
          on_image = {});
  /// Class probabilities [count, classes] of `count` images, bytes [count,H,W,C]. A CPU takes them
  /// in pieces that stay in its cache.
  std::vector<float> predict(std::span<const std::uint8_t> images, std::int64_t count,
                             Weights weights = Weights::last);

  /// Returns the probabilities of images, bytes [N,H,W,C], and how far they are from their labels.
  /// A CPU takes the images in pieces that stay in its cache.
  ImageAnswers answer(std::span<const std::uint8_t> images, std::span<const std::int32_t> labels,
                      Weights weights = Weights::last);

  /// Throws Error unless images of the data set fit the model.
  void check_fits(const ImageDataset& dataset) const;

  Task training_task(const Augmentation& augment, const LossOptions& loss) const override;

 private:
  std::int64_t piece_of(std::int64_t count);

  ImageModel model_;
  std::map<std::int64_t, std::int64_t> pieces_;  ///< of a number of images
};

/// Returns the task of an image model: inputs "image" u8 [H,W,C] and "label" i32 [], output
/// "probabilities" [N,classes]. In training it augments the images and bends the loss. Building it
/// throws Error when the model does not give logits [N,classes], or `loss` does not fit it.
TESSERA_API Task image_task(const ImageModel& model, const Augmentation& augmentation = {},
                            const LossOptions& loss = {});

/// Appends image_task to a graph. An augmentation adds the inputs that it needs:
/// "augment.transform" f32 [N,6], "augment.cutout" [N,4], "augment.brightness", ".contrast" and
/// ".saturation" [N,1,1,1], "augment.share", "augment.box" [1,4] and "augment.target".
TESSERA_API CrossEntropy append_classifier(Graph& graph, const ImageModel& model,
                                           std::int64_t batch,
                                           const Augmentation& augmentation = {},
                                           const LossOptions& loss = {});

}  // namespace tessera
