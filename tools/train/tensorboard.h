// The record of a training for TensorBoard: a file of events in a folder of the run's own.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// Makes the folder where there is none. A run that goes on adds a file of its own. Throws Error
/// that names the file when it cannot be written, or when this build has no protobuf.
std::unique_ptr<RunObserver> make_tensorboard(const std::string& directory);

}  // namespace tessera::tools
