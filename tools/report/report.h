// A report of a training as one self-contained HTML page: curves, mistakes, times.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// Writes the file when the training has ended. Throws Error that names a file that cannot be
/// written.
std::unique_ptr<RunObserver> make_report(const std::string& path);

}  // namespace tessera::tools
