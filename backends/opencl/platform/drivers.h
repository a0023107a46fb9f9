// The drivers that the OpenCL loader loads. A broken one would take the process with it, so all are
// tried in another process first (driver_probe.cpp), once for each set of drivers.
#pragma once

#include <CL/cl.h>

#include <string>
#include <vector>

namespace tessera::opencl {

/// As the loader finds it.
struct Driver {
  std::string file;     ///< the .icd file that names it; empty when the environment does
  std::string library;  ///< its content

  /// "name.icd", else the library.
  std::string name() const;
};

/// What trying a driver has shown.
struct DriverProblem {
  std::string name;
  std::string reason;
  bool broken = false;          ///< it is not loaded
  bool offers_nothing = false;  ///< no platform, which is right where its hardware is missing
};

/// In the order of the loader's folder; empty where the loader finds drivers in another way.
std::vector<Driver> installed_drivers();

/// The folder of .icd files in place of the loader's own, which this process or a child of it is to
/// read: a temporary one. Throws Error when it cannot be made.
class DriverFolder {
 public:
  explicit DriverFolder(const std::vector<Driver>& drivers);
  ~DriverFolder();
  DriverFolder(const DriverFolder&) = delete;
  DriverFolder& operator=(const DriverFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The environment variable that tells the loader where its .icd files are.
inline constexpr const char* drivers_variable = "OCL_ICD_VENDORS";

/// Tries `drivers` in another process. The result is kept on disk until a driver, a library that it
/// loads, the environment that it reads or the start of the machine changes; one that has a broken
/// driver for ten minutes. Nothing where there is no program to try them in.
std::vector<DriverProblem> try_drivers(const std::vector<Driver>& drivers);

/// Starts the loader, with the broken drivers left out, the first time that it is called in a
/// process. Every way to a platform goes through here first, unless the application has a platform.
const std::vector<DriverProblem>& start_loader();

}  // namespace tessera::opencl
