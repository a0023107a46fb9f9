#include "backends/opencl/program.h"

#include <cctype>
#include <optional>
#include <vector>

#include "backends/opencl/kernel_source.h"

namespace tessera::opencl {
namespace {

/// The line after the first "file:" in a compiler's log, e.g. 12 in "conv2d.cl:12:3: error".
std::optional<std::string> first_line(std::string_view log, std::string_view file) {
  for (std::size_t at = log.find(file); at != log.npos; at = log.find(file, at + 1)) {
    std::size_t digit = at + file.size();
    if (digit >= log.size() || (log[digit] != ':' && log[digit] != '(')) continue;
    const std::size_t begin = ++digit;
    while (digit < log.size() && std::isdigit(static_cast<unsigned char>(log[digit]))) ++digit;
    if (digit > begin) return std::string(log.substr(begin, digit - begin));
  }
  return {};
}

}  // namespace

ProgramCache::ProgramCache(cl::Context context, cl::Device device, DiskCache disk)
    : context_(std::move(context)), device_(std::move(device)), disk_(std::move(disk)) {
  const cl::Platform platform(device_.getInfo<CL_DEVICE_PLATFORM>());
  identity_ =
      fmt::format("{}\n{}\n{}\n{}\n{}", TESSERA_VERSION, device_.getInfo<CL_DEVICE_NAME>(),
                  device_.getInfo<CL_DRIVER_VERSION>(), device_.getInfo<CL_DEVICE_VERSION>(),
                  platform.getInfo<CL_PLATFORM_VERSION>());
}

cl::Kernel ProgramCache::kernel(std::string_view file, const Defines& defines,
                                const std::string& name) {
  return checked(fmt::format("kernel '{}' of {}", name, file),
                 [&] { return cl::Kernel(program(file, defines), name.c_str()); });
}

cl::Program ProgramCache::program(std::string_view file, const Defines& defines) {
  const std::string name = fmt::format("{} {}", file, defines.options());
  const auto found = programs_.find(name);
  if (found != programs_.end()) return found->second;
  const std::string options = "-cl-std=CL1.2 " + defines.options();
  const std::string source = kernel_source(file);
  const std::string key = DiskCache::key(fmt::format("{}\n{}\n{}", identity_, options, source));
  cl::Program program;
  if (!load(key, program)) {
    program = build(file, source, options);
    ++built_from_source_;
    // Some drivers compile when a kernel is made and have no complete binary before that.
    std::vector<cl::Kernel> kernels;
    program.createKernels(&kernels);
    const auto binaries = program.getInfo<CL_PROGRAM_BINARIES>();
    if (!binaries.empty() && !binaries[0].empty()) disk_.store(key, binaries[0]);
  }
  return programs_.emplace(name, program).first->second;
}

// A binary that passes the checksum can still be one that the driver does not take.
bool ProgramCache::load(const std::string& key, cl::Program& program) const {
  const auto binary = disk_.load(key);
  if (!binary) return false;
  try {
    program = cl::Program(context_, {device_}, cl::Program::Binaries{*binary});
    program.build(std::vector<cl::Device>{device_});
    std::vector<cl::Kernel> kernels;
    program.createKernels(&kernels);
    return !kernels.empty();
  } catch (const cl::Error&) {
    return false;
  }
}

cl::Program ProgramCache::build(std::string_view file, const std::string& source,
                                const std::string& options) {
  cl::Program program(context_, source);
  try {
    program.build(std::vector<cl::Device>{device_}, options.c_str());
  } catch (const cl::Error& error) {
    fail(file, options,
         fmt::format("{}: {}", error_name(error.err()),
                     program.getBuildInfo<CL_PROGRAM_BUILD_LOG>(device_)));
  }
  return program;
}

void ProgramCache::fail(std::string_view file, const std::string& options,
                        const std::string& log) const {
  for (std::string_view place : {file, std::string_view("common.h")})
    if (const auto line = first_line(log, place))
      throw Error(fmt::format("{}:{}", place, *line),
                  fmt::format("{} does not build with '{}' on {}: {}", file, options,
                              device_.getInfo<CL_DEVICE_NAME>(), log));
  throw Error(std::string(file), fmt::format("does not build with '{}' on {}: {}", options,
                                             device_.getInfo<CL_DEVICE_NAME>(), log));
}

}  // namespace tessera::opencl
