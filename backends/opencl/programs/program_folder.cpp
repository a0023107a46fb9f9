#include "backends/opencl/programs/program_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera::opencl {

void keep_for_reading(std::string_view file, const std::string& key, const std::string& options,
                      const std::string& source, const cl::Program& program,
                      const cl::Device& device) {
  const char* const folder = std::getenv("TESSERA_PROGRAM_DIR");
  if (!folder || !*folder) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw Error("opencl", fmt::format("TESSERA_PROGRAM_DIR is '{}': {}", folder, error.message()));
  const std::string name =
      fmt::format("{}/{}-{}", folder, file.substr(0, file.rfind('.')), key.substr(0, 12));
  write_file(name + ".cl", source);
  write_file(name + ".log", fmt::format("{}\n{}\n{}\n", device.getInfo<CL_DEVICE_NAME>(), options,
                                        program.getBuildInfo<CL_PROGRAM_BUILD_LOG>(device)));
  const auto binaries = program.getInfo<CL_PROGRAM_BINARIES>();
  if (!binaries.empty())
    write_file(name + ".bin", std::string(binaries[0].begin(), binaries[0].end()));
}

}  // namespace tessera::opencl
