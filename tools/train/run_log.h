// The machine-readable log of a training: one JSON object per line.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// Opens a log; `appends` keeps the contents of the file. Throws Error that names a file that
/// cannot be written.
std::unique_ptr<RunObserver> make_run_log(const std::string& path, bool appends);

}  // namespace tessera::tools
