#include "tools/shared/output_file.h"

#include <cerrno>
#include <cstring>

#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera::tools {

std::ofstream open_output(const std::string& path, std::ios::openmode mode) {
  std::ofstream file(output_target(path), mode);
  check_written(file, path);
  return file;
}

void check_written(std::ostream& file, const std::string& path) {
  if (!file.flush()) throw Error(path, std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace tessera::tools
