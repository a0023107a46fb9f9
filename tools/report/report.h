// A training as one page of HTML that needs nothing else: curves, mistakes, times.
#pragma once

#include <memory>

#include "tools/train/run_observer.h"

namespace tessera::tools {

/// Writes the file when the training has ended. Throws Error that names it when it cannot be
/// written.
std::unique_ptr<RunObserver> make_report(const std::string& path);

}  // namespace tessera::tools
