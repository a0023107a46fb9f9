// What `tessera train` chooses by the data and the device where the command line leaves it open.
#pragma once

#include <string>
#include <vector>

#include "tools/train/train_options.h"

namespace tessera::tools {

/// Sets `arguments.batch` for a new run where it was not given: 32, or all training images where
/// they are fewer, which is said. Throws Error when it is larger than the training images.
void take_batch(TrainArguments& arguments, const ImageDataset& train);
/// The same for "auto". On a GPU the largest power of two, at most the training images, whose plans
/// fit into three quarters of the memory; on a CPU 32, or less where that does not fit. `network`
/// has no trainer yet.
void take_batch_of_device(TrainArguments& arguments, const ImageDataset& train,
                          const ImageDataset& test, ImageClassifier& network);

/// Sets the parts of a batch for a new run where they were not given: 1, or for a group of devices
/// 8, or two for each device if that is more. Throws Error if a part has less than one image.
void take_parts(TrainArguments& arguments, const TrainOptions& options, std::size_t devices);

/// How the devices of a group share the parts, from --shares. `state` is that of a run that
/// resumes, whose shares continue.
GroupOptions group_options(const TrainArguments& arguments, const TrainingState& state);

/// Sets `arguments.log_every` where it was not given: about 25 lines an epoch, and no more than 500
/// steps between two.
void take_log_every(TrainArguments& arguments, std::int64_t steps_per_epoch);

/// The options as they came to be: a file that names these trains the same model on any device.
void record_choices(const TrainArguments& arguments, std::vector<OptionValue>& values);

/// A weight for each class: images / (classes with images * images of the class), as scikit-learn's
/// "balanced"; 1 for a class without images.
std::vector<double> balanced_weights(const ImageDataset& dataset);

}  // namespace tessera::tools
