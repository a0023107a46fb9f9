// The record of a training for TensorBoard: an event file in the folder of the run.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// Creates the folder if needed. A resumed run adds another file. Throws Error that names a file
/// that cannot be written, or if this build has no protobuf.
std::unique_ptr<RunObserver> make_tensorboard(const std::string& directory);

}  // namespace tessera::tools
