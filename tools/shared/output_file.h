// Files that the tool writes in steps; tessera/output_file.h writes whole files.
#pragma once

#include <fstream>
#include <string>

namespace tessera::tools {

/// Opens a file for writing. Throws Error that names it if that fails or if it is not a regular
/// file.
std::ofstream open_output(const std::string& path, std::ios::openmode mode);

/// Throws Error with the name and the reason if some output did not reach the file.
void check_written(std::ostream& file, const std::string& path);

}  // namespace tessera::tools
