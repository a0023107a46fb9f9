// A folder in which TESSERA_PROGRAM_DIR keeps what a driver makes of each program, for people to
// read.
#pragma once

#include <string>
#include <string_view>

#include "backends/opencl/runtime/cl.h"

namespace tessera::opencl {

/// Writes source, build log and binary of a built program (NVIDIA's binary is PTX) to the folder
/// that TESSERA_PROGRAM_DIR names; does nothing if it is not set. The key distinguishes programs of
/// one file. Throws Error if the folder cannot be written.
void keep_for_reading(std::string_view file, const std::string& key, const std::string& options,
                      const std::string& source, const cl::Program& program,
                      const cl::Device& device);

}  // namespace tessera::opencl
