#include "backends/opencl/programs/kernel_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tessera/error.h"

namespace tessera::opencl {
namespace {

/// Kernels being edited are read from TESSERA_KERNEL_DIR, all others from the library.
std::string read_text(std::string_view name) {
  const char* const folder = std::getenv("TESSERA_KERNEL_DIR");
  if (folder && *folder) {
    if (!std::filesystem::is_directory(folder))
      throw Error("opencl", fmt::format("TESSERA_KERNEL_DIR is '{}', expected a folder", folder));
    std::ifstream file(fmt::format("{}/{}", folder, name), std::ios::binary);
    if (file) return {std::istreambuf_iterator<char>(file), {}};
  }
  for (const KernelFile& file : embedded_kernel_files())
    if (file.name == name) return std::string(file.text);
  throw Error("opencl", fmt::format("there is no kernel file '{}'", name));
}

std::string with_includes(std::string_view name, int depth) {
  constexpr int most = 16;
  if (depth > most)
    throw Error("opencl", fmt::format("the kernel file '{}' is included more than {} files deep; "
                                      "does it include itself?",
                                      name, most));
  const std::string text = read_text(name);
  constexpr std::string_view include = "#include \"";
  std::string source = fmt::format("#line 1 \"{}\"\n", name);
  int line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view row = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++line;
    if (row.starts_with(include)) {
      const std::string_view file = row.substr(include.size(), row.rfind('"') - include.size());
      source +=
          fmt::format("{}\n#line {} \"{}\"\n", with_includes(file, depth + 1), line + 1, name);
    } else {
      source.append(row).push_back('\n');
    }
  }
  return source;
}

}  // namespace

std::string kernel_source(std::string_view name) { return with_includes(name, 0); }

}  // namespace tessera::opencl
