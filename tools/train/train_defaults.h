// Defaults of `tessera train` that depend on the data and the device.
#pragma once

#include <string>
#include <vector>

#include "tools/train/train_options.h"

namespace tessera::tools {

/// Sets `arguments.batch` of a new run if it was not given: 32, or all training images if they are
/// fewer, with a message. Throws Error if it is larger than the number of training images.
void take_batch(TrainArguments& arguments, const ImageDataset& train);
/// Sets the batch for "auto". On a GPU the largest power of two, at most the training images, whose
/// plans fit in three quarters of the memory; on a CPU 32, or less if that does not fit. `network`
/// has no trainer yet.
void take_batch_of_device(TrainArguments& arguments, const ImageDataset& train,
                          const ImageDataset& test, ImageClassifier& network);

/// Sets the parts of a batch of a new run if they were not given: 1, or for a group of devices 8,
/// or two per device if that is more. Throws Error if a part has no image.
void take_parts(TrainArguments& arguments, const TrainOptions& options, std::size_t devices);

/// Returns how the devices of a group share the parts, from --shares or, in a resumed run, from
/// `state`.
GroupOptions group_options(const TrainArguments& arguments, const TrainingState& state);

/// Sets `arguments.log_every` if it was not given: about 25 lines per epoch, at most 500 steps
/// apart.
void take_log_every(TrainArguments& arguments, std::int64_t steps_per_epoch);

/// Returns the final options: a file with these trains the same model on any device.
void record_choices(const TrainArguments& arguments, std::vector<OptionValue>& values);

/// Returns a weight for each class: images / (classes with images * images of the class), as in
/// scikit-learn's "balanced"; 1 for a class without images.
std::vector<double> balanced_weights(const ImageDataset& dataset);

}  // namespace tessera::tools
