// The log of a training for programs: JSON, an object a line.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// `appends`: what the file holds stays. Throws Error that names it when it cannot be written.
std::unique_ptr<RunObserver> make_run_log(const std::string& path, bool appends);

}  // namespace tessera::tools
