// The text of the kernel files: embedded in the library, or read from the folder that the
// environment variable TESSERA_KERNEL_DIR names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::opencl {

struct KernelFile {
  std::string_view name;  ///< "conv2d.cl"
  std::string_view text;
};

/// The embedded files, generated at build time from cl_kernels/.
const std::vector<KernelFile>& embedded_kernel_files();

/// The text of "conv2d.cl" with its includes put in, and #line directives, so that a compiler's log
/// names the file. Throws Error when there is no such file.
std::string kernel_source(std::string_view name);

}  // namespace tessera::opencl
