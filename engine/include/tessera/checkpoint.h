// Checkpoints: a network's weights and states, and where its training stands, in one safetensors
// file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/classifier.h"
#include "tessera/fingerprint.h"
#include "tessera/group.h"
#include "tessera/network.h"
#include "tessera/safetensors.h"
#include "tessera/trainer.h"

namespace tessera {

/// By which number of its evaluation an epoch is better than another.
enum class BestBy : std::uint8_t { loss, accuracy };
/// "loss" or "accuracy"; `best_by_of` throws Error that lists them.
TESSERA_API std::string to_string(BestBy by);
/// The inverse of to_string.
TESSERA_API BestBy best_by_of(const std::string& name);

/// The best epoch so far.
struct BestEpoch {
  bool keep = false;  ///< its model is kept in a file of its own
  BestBy by = BestBy::loss;
  std::int64_t patience = 0;  ///< the run ends after so many epochs without a better one; 0: never
  std::int64_t epoch = 0;     ///< counted from 1; 0: none yet
  std::optional<double> value = {};  ///< its loss or accuracy

  /// Whether all of it is equal.
  bool operator==(const BestEpoch&) const = default;
};

/// torch.optim.lr_scheduler.ReduceLROnPlateau with its defaults, of the loss of the evaluation:
/// after more than `patience` epochs in a row whose loss is not below 0.9999 of the best, the
/// learning rate (TrainerOptions::lr, on which the schedule is based) is multiplied by `factor`.
struct Plateau {
  double factor = 1;  ///< 1: off
  std::int64_t patience = 0;
  std::int64_t bad_epochs = 0;      ///< in a row
  std::optional<double> best = {};  ///< loss

  /// Whether all of it is equal.
  bool operator==(const Plateau&) const = default;
};

/// How a run was set up and how far it has come. With the weights and the optimizer's buffers this
/// is all that training depends on: the random generator is counter-based, so seed and counts are
/// its state.
struct TrainingState {
  std::string data;  ///< name of the data set
  std::uint64_t seed = 0;
  std::int64_t batch = 0;
  TrainerOptions options = {};
  std::int64_t step = 0;            ///< steps done
  std::int64_t epoch = 0;           ///< epochs done
  std::int64_t batch_in_epoch = 0;  ///< batches done of the epoch begun
  double epoch_loss_sum = 0;        ///< of the images of those batches
  double held_out = 0.1;            ///< DatasetOptions::held_out
  std::int64_t skipped = 0;         ///< of those batches, since they were not finite
  std::int64_t train_images = 0;    ///< in an epoch; 0: not known
  std::int64_t epoch_images = 0;    ///< of those batches that were not skipped
  BestEpoch best = {};
  Plateau plateau = {};
  SplitRule split_rule = SplitRule::by_content;  ///< DatasetOptions::split_rule
  /// Of the training images and the test images; none of images where it is not known. Where both
  /// are shares of the same files, `train_data` is of all of them and `test_data` is none.
  std::optional<DataFingerprint> train_data = {}, test_data = {};
  /// How the devices of a group shared the batches so far.
  std::vector<GroupShares> shares = {};
};

/// What a checkpoint holds, checked, before it goes to a device.
struct Checkpoint {
  std::string model;                 ///< name of the model or the task
  ImageInput input;                  ///< of image classifiers
  std::vector<std::string> classes;  ///< of image classifiers; other tasks: none
  TrainingState training;
  TensorFile file;
  Loss loss = Loss::cross_entropy;  ///< of image classifiers
  /// The task. Checkpoints of earlier versions, which are of image classifiers, have no
  /// description: its inputs are empty.
  TaskDescription task = {};

  /// Returns whether it is of an image classifier.
  bool is_classifier() const { return !classes.empty(); }
};

/// Throws Error that names the task of a checkpoint unless it is of an image classifier.
TESSERA_API void check_classifier(const Checkpoint& checkpoint);

/// What a checkpoint of a network holds at this moment.
TESSERA_API Checkpoint checkpoint_of(const Network& network, const TrainingState& training = {});
/// Writes atomically (see write_safetensors). Throws Error when a parameter is not finite: such a
/// network is not worth the file that it would replace.
TESSERA_API void save_checkpoint(const std::string& path, const Network& network,
                                 const TrainingState& training = {});
/// The same of a checkpoint taken before.
TESSERA_API void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// Throws Error when save_checkpoint could not write `path`, as check_output
/// (tessera/output_file.h) does: for programs that want to know before training.
TESSERA_API void check_checkpoint_path(const std::string& path);
/// Throws Error, which names the number, when a checkpoint of this network and training could not
/// be read back: for programs that want to know before training. checkpoint_of does it too.
TESSERA_API void check_checkpoint(const Network& network, const TrainingState& training);
/// Throws Error when the file is damaged, or safetensors but not a checkpoint of Tessera, or holds
/// numbers that are not finite.
TESSERA_API Checkpoint read_checkpoint(const std::string& path);
/// The same of a file that has been read already, from `path`.
TESSERA_API Checkpoint read_checkpoint(const std::string& path, TensorFile file);
/// Copies the tensors of a checkpoint to a network. Checks all names and shapes before it writes
/// any; throws Error that lists those missing, unexpected or of another shape. A
/// trainer made afterwards continues with the optimizer's states and the step number.
TESSERA_API void restore(const Checkpoint& checkpoint, Network& network);

}  // namespace tessera
