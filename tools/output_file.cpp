#include "tools/output_file.h"

#include <cerrno>
#include <cstring>

#include "tessera/error.h"

namespace tessera::tools {

void check_written(std::ostream& file, const std::string& path) {
  if (!file.flush()) throw Error(path, std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace tessera::tools
