#include "backends/opencl/platform/drivers.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>

#include "tessera/error.h"

namespace tessera::opencl {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

Driver read_driver(const fs::path& file) {
  constexpr std::size_t most_bytes = 4096;
  std::ifstream stream(file, std::ios::binary);
  std::string line;
  for (char c = 0; line.size() < most_bytes && stream.get(c) && c != '\n' && c != '\r';) line += c;
  return {file.string(), line};
}

/// A variable of the process for a while. Other threads must not look at the environment meanwhile,
/// which is why nothing is set where no driver is broken.
class ForAWhile {
 public:
  ForAWhile(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~ForAWhile() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  ForAWhile(const ForAWhile&) = delete;
  ForAWhile& operator=(const ForAWhile&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

void ask_loader() {
  cl_uint count = 0;
  clGetPlatformIDs(0, nullptr, &count);
}

std::vector<DriverProblem> start_without_broken() {
  const std::vector<Driver> all = installed_drivers();
  std::vector<DriverProblem> problems = try_drivers(all);
  std::vector<Driver> good;
  for (const Driver& driver : all)
    if (std::none_of(problems.begin(), problems.end(), [&](const DriverProblem& problem) {
          return problem.broken && problem.name == driver.name();
        }))
      good.push_back(driver);
  if (good.size() == all.size()) return problems;
  std::optional<DriverFolder> folder;
  try {
    folder.emplace(good);
  } catch (const Error& error) {
    problems.push_back({"OpenCL", error.what(), true});
  }
  const ForAWhile set(drivers_variable, folder ? folder->path() : "/dev/null/none");
  ask_loader();  // it reads the folder now, and never again
  return problems;
}

}  // namespace

std::string Driver::name() const {
  return file.empty() ? library : fs::path(file).filename().string();
}

std::vector<Driver> installed_drivers() {
  std::string place = variable(drivers_variable);
  if (place.empty()) place = variable("OPENCL_VENDOR_PATH");
  if (place.empty()) place = "/etc/OpenCL/vendors";
  std::error_code error;
  if (!fs::is_directory(place, error)) {
    if (!place.ends_with(".icd")) return {{"", place}};
    return fs::exists(place, error) ? std::vector{read_driver(place)} : std::vector<Driver>{};
  }
  std::vector<Driver> drivers;
  for (auto entry = fs::directory_iterator(place, error); !error && entry != end(entry);
       entry.increment(error))
    if (entry->path().extension() == ".icd") drivers.push_back(read_driver(entry->path()));
  std::sort(drivers.begin(), drivers.end(),
            [](const Driver& a, const Driver& b) { return a.file < b.file; });
  return drivers;
}

DriverFolder::DriverFolder(const std::vector<Driver>& drivers) {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "tessera-drivers-XXXXXX").string();
  if (error || !::mkdtemp(path.data()))
    throw Error("opencl", "no temporary folder can be made for the drivers that work");
  path_ = path;
  for (const Driver& driver : drivers)
    std::ofstream(fs::path(path_) / driver.name()) << driver.library << "\n";
}

DriverFolder::~DriverFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

const std::vector<DriverProblem>& start_loader() {
  static std::once_flag once;
  static std::vector<DriverProblem> problems;
  std::call_once(once, [] { problems = start_without_broken(); });
  return problems;
}

}  // namespace tessera::opencl
