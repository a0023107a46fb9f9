#include "backends/opencl/programs/program.h"

#include <algorithm>
#include <optional>

#include "backends/opencl/programs/kernel_source.h"
#include "backends/opencl/programs/program_folder.h"
#include "engine/base/ascii.h"
#include "engine/base/parallel.h"

namespace tessera::opencl {
namespace {

/// What the driver needs to know of a program's run, wherever it comes from. Numbers below 1.2e-38
/// are zero: processors take a hundred times as long for them (engine/base/denormals.h).
constexpr const char* run_options = "-cl-denorms-are-zero";

/// The number after the first "file:" in a compiler's log, e.g. 12 in "conv2d.cl:12:3: error";
/// `of_error`: in a row that says "error".
std::optional<std::string> first_line(std::string_view log, std::string_view file, bool of_error) {
  for (std::size_t at = log.find(file); at != log.npos; at = log.find(file, at + 1)) {
    const std::string_view row = log.substr(at, log.find('\n', at) - at);
    if (of_error && row.find("error") == row.npos) continue;
    std::size_t digit = file.size();
    if (digit >= row.size() || (row[digit] != ':' && row[digit] != '(')) continue;
    const std::size_t begin = ++digit;
    while (digit < row.size() && is_ascii_digit(row[digit])) ++digit;
    if (digit > begin) return std::string(row.substr(begin, digit - begin));
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
  const Name program_name(file, defines.options());
  asked_[program_name].insert(name);
  return checked(fmt::format("kernel '{}' of {}", name, file), [&] {
    const Built& built = program(program_name, true);
    try {
      return cl::Kernel(built.program, name.c_str());
    } catch (const cl::Error&) {
      if (!built.from_disk) throw;  // else it may be the disk's fault
    }
    return cl::Kernel(program(program_name, false).program, name.c_str());
  });
}

void ProgramCache::add_file(const std::string& file, const std::string& text) {
  if (added_.emplace(file, text).first->second != text)
    throw Error(file, "this device has a kernel file of that name with another text");
}

std::string ProgramCache::source(const std::string& file) const {
  const auto added = added_.find(file);
  return added == added_.end() ? kernel_source(file)
                               : fmt::format("#line 1 \"{}\"\n{}", file, added->second);
}

void ProgramCache::prepare(const std::vector<Name>& programs) {
  std::vector<Name> absent;
  for (const Name& name : programs)
    if (!programs_.contains(name) && std::find(absent.begin(), absent.end(), name) == absent.end())
      absent.push_back(name);
  std::vector<Built> built(absent.size());
  parallel_for(absent.size(), [&](std::size_t i) {
    built[i] = checked(absent[i].first, [&] { return make(absent[i], true); });
  });
  for (std::size_t i = 0; i < absent.size(); ++i) add(absent[i], std::move(built[i]));
}

ProgramCache::Built& ProgramCache::program(const Name& name, bool look_on_disk) {
  const auto found = programs_.find(name);
  if (look_on_disk && found != programs_.end()) return found->second;
  return add(name, make(name, look_on_disk));
}

ProgramCache::Built& ProgramCache::add(const Name& name, Built built) {
  if (!built.from_disk) ++built_from_source_;
  return programs_.insert_or_assign(name, std::move(built)).first->second;
}

ProgramCache::Built ProgramCache::make(const Name& name, bool look_on_disk) const {
  const auto& [file, macros] = name;
  const std::string options = fmt::format("-cl-std=CL1.2 {} {}", run_options, macros);
  const std::string text = source(file);
  const std::string key = DiskCache::key(fmt::format("{}\n{}\n{}", identity_, options, text));
  Built built;
  built.from_disk = look_on_disk && load(key, built.program);
  if (!built.from_disk) {
    built.program = build(file, text, options);
    if (!disk_.folder().empty()) store(key, built.program);
  }
  keep_for_reading(file, key, options, text, built.program, device_);
  return built;
}

// A binary that passes the checksum can still be one that the driver does not take.
bool ProgramCache::load(const std::string& key, cl::Program& program) const {
  const auto binary = disk_.load(key);
  if (!binary) return false;
  try {
    program = cl::Program(context_, {device_}, cl::Program::Binaries{*binary});
    program.build(std::vector<cl::Device>{device_}, run_options);
    std::vector<cl::Kernel> kernels;
    program.createKernels(&kernels);
    return !kernels.empty();
  } catch (const cl::Error&) {
    return false;
  }
}

void ProgramCache::store(const std::string& key, cl::Program& program) const {
  // Some drivers compile when a kernel is made and have no complete binary before that.
  std::vector<cl::Kernel> kernels;
  program.createKernels(&kernels);
  const auto binaries = program.getInfo<CL_PROGRAM_BINARIES>();
  if (!binaries.empty() && !binaries[0].empty()) disk_.store(key, binaries[0]);
}

cl::Program ProgramCache::build(std::string_view file, const std::string& source,
                                const std::string& options) const {
  cl::Program program(context_, source);
  try {
    program.build(std::vector<cl::Device>{device_}, options.c_str());
  } catch (const cl::Error& error) {
    std::string log;
    try {
      log = program.getBuildInfo<CL_PROGRAM_BUILD_LOG>(device_);
    } catch (const cl::Error&) {  // one failure is enough to report
    }
    fail(file, options, fmt::format("{}: {}", error_name(error.err()), log));
  }
  return program;
}

void ProgramCache::fail(std::string_view file, const std::string& options,
                        const std::string& log) const {
  const std::string device = device_.getInfo<CL_DEVICE_NAME>();
  for (bool of_error : {true, false})
    for (std::string_view place : {file, std::string_view("common.h")})
      if (const auto line = first_line(log, place, of_error))
        throw BuildFailure(
            fmt::format("{}:{}", place, *line),
            fmt::format("{} does not build with '{}' on {}: {}", file, options, device, log));
  throw BuildFailure(std::string(file),
                     fmt::format("does not build with '{}' on {}: {}", options, device, log));
}

}  // namespace tessera::opencl
