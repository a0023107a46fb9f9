// Files that the tool writes bit by bit; those written at once are tessera/output_file.h's.
#pragma once

#include <fstream>
#include <string>

namespace tessera::tools {

/// Opens a file to write. Throws Error that names it when that cannot be done, or when it is no
/// regular file.
std::ofstream open_output(const std::string& path, std::ios::openmode mode);

/// Throws Error that names the file and says why, unless all that was written is in it.
void check_written(std::ostream& file, const std::string& path);

}  // namespace tessera::tools
