// Programs of a device, built from kernel files and macros, kept in memory and on disk.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/opencl/programs/defines.h"
#include "backends/opencl/programs/disk_cache.h"
#include "backends/opencl/runtime/cl.h"

namespace tessera::opencl {

class ProgramCache {
 public:
  ProgramCache(cl::Context context, cl::Device device, DiskCache disk);

  /// Makes a kernel file of a text that is not the library's. Throws Error when there is another
  /// one of that name.
  void add_file(const std::string& file, const std::string& text);

  /// A new kernel object of `file` ("conv2d.cl") specialized by `defines`. Throws Error with file,
  /// line, macros, device and the compiler's log when the file does not build.
  cl::Kernel kernel(std::string_view file, const Defines& defines, const std::string& name);

  /// A file and its macros, as Defines::options() writes them.
  using Name = std::pair<std::string, std::string>;
  /// Has these programs ready for kernel(), building them on several threads. Throws as kernel()
  /// does, for the first one that fails.
  void prepare(const std::vector<Name>& programs);

  /// The kernels that were asked for so far, by program ("-D K=3 -D R=5").
  using Asked = std::map<Name, std::set<std::string>>;
  const Asked& asked() const { return asked_; }

  /// Programs built from source so far; the others came from the disk.
  int built_from_source() const { return built_from_source_; }

 private:
  struct Built {
    cl::Program program;
    bool from_disk;
  };

  Built& program(const Name& name, bool look_on_disk);
  Built& add(const Name& name, Built built);
  std::string source(const std::string& file) const;
  Built make(const Name& name, bool look_on_disk) const;
  bool load(const std::string& key, cl::Program& program) const;
  void store(const std::string& key, cl::Program& program) const;
  cl::Program build(std::string_view file, const std::string& source,
                    const std::string& options) const;
  [[noreturn]] void fail(std::string_view file, const std::string& options,
                         const std::string& log) const;

  cl::Context context_;
  cl::Device device_;
  DiskCache disk_;
  std::string identity_;  ///< what a binary depends on besides source and options
  std::map<std::string, std::string> added_;  ///< texts of files that are not the library's
  std::map<Name, Built> programs_;
  Asked asked_;
  int built_from_source_ = 0;
};

}  // namespace tessera::opencl
