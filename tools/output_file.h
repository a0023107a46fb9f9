// Files that the tool writes.
#pragma once

#include <ostream>
#include <string>

namespace tessera::tools {

/// Throws Error that names the file and says why, unless it could be opened and all that was
/// written is in it.
void check_written(std::ostream& file, const std::string& path);

}  // namespace tessera::tools
