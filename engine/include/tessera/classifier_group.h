// Evaluation and prediction of image classifiers on several devices.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/classifier.h"
#include "tessera/group.h"

namespace tessera {

/// Images with their labels.
struct ImageBatch {
  std::vector<std::uint8_t> images;  ///< [N,H,W,C]
  std::vector<std::int32_t> labels;  ///< [N]; any class where only probabilities are wanted
};

/// Copies of an image classifier on the devices of a group. Each computes whole batches, as they
/// come; results are in the order of the batches, and sums are too. So equal devices give the bits
/// of one device.
class TESSERA_API ClassifierGroup {
 public:
  /// The network must be on a device of the group, and both must outlive this. `on_failure` is
  /// called with a line when a device fails: the others compute its batches. Each evaluation begins
  /// by reading the weights from the device of the network, and throws if that has failed before.
  ClassifierGroup(ImageClassifier& network, const DeviceGroup& devices,
                  std::function<void(const std::string& text)> on_failure = {});
  ~ClassifierGroup();
  ClassifierGroup(const ClassifierGroup&) = delete;
  ClassifierGroup& operator=(const ClassifierGroup&) = delete;

  /// Does what ImageClassifier::evaluate does, with the weights that the network has now.
  ClassifierEvaluation evaluate(
      const ImageDataset& dataset, std::int64_t batch = 250, Weights weights = Weights::last,
      const std::function<bool()>& stops = {},
      const std::function<void(std::int32_t label, std::span<const float> probabilities)>&
          on_image = {});

  /// Calls `next` for batches until there is none, and `take` with the answers to each, in order.
  /// Both run on the calling thread; `next` is at most two batches for each device ahead. Throws
  /// what the last device throws.
  void answer(const std::function<std::optional<ImageBatch>()>& next,
              const std::function<void(const ImageBatch& batch, const ImageAnswers& answers)>& take,
              Weights weights = Weights::last);

 private:
  struct Member;
  struct Jobs;
  void copy_weights(Weights weights);
  void serve(Member& member, Jobs& jobs, Weights weights);

  ImageClassifier& network_;
  std::function<void(const std::string& text)> on_failure_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace tessera
