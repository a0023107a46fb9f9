// Checkpoints: a network's weights and states, and where its training stands, in one safetensors
// file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/network.h"
#include "tessera/safetensors.h"
#include "tessera/trainer.h"

namespace tessera {

/// How a run was set up and how far it has come. With the weights and the optimiser's buffers this
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
  double epoch_loss_sum = 0;        ///< of those batches
  double held_out = 0.1;            ///< DatasetOptions::held_out
  std::int64_t skipped = 0;         ///< of those batches, since they were not finite
};

/// What a checkpoint holds, checked, before it goes to a device.
struct Checkpoint {
  std::string model;
  ImageInput input;
  std::vector<std::string> classes;
  TrainingState training;
  TensorFile file;
  Loss loss = Loss::cross_entropy;
};

/// What a checkpoint of a network holds at this moment.
TESSERA_API Checkpoint checkpoint_of(const Network& network, const TrainingState& training = {});
/// Writes atomically (see write_safetensors). Throws Error when a parameter is not finite: such a
/// network is not worth the file that it would replace.
TESSERA_API void save_checkpoint(const std::string& path, const Network& network,
                                 const TrainingState& training = {});
/// The same of a checkpoint taken before.
TESSERA_API void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// Throws Error when save_checkpoint could not write `path`, and touches no file: for programs that
/// want to know before training.
TESSERA_API void check_checkpoint_path(const std::string& path);
/// Throws Error when the file is damaged, or safetensors but not a checkpoint of Tessera, or holds
/// numbers that are not finite.
TESSERA_API Checkpoint read_checkpoint(const std::string& path);
/// Copies the tensors of a checkpoint to a network. Checks all names and shapes before it writes
/// any; throws Error that lists those missing, unexpected or of another shape. A
/// trainer made afterwards goes on with the optimiser's states and the step number.
TESSERA_API void restore(const Checkpoint& checkpoint, Network& network);

}  // namespace tessera
