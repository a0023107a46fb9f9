// Verdicts of `tessera doctor` on devices, stored per driver and version of the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera {

/// The result of an examination of a device.
struct Verdict {
  std::string avoid;  ///< why the device is unreliable, or empty
  /// Returns whether two verdicts are equal.
  bool operator==(const Verdict&) const = default;
};

/// Returns the stored verdict. Returns nothing if the device was not examined with this driver by
/// this version, or if the file cannot be read. Files are in TESSERA_DOCTOR_DIR, else
/// tessera/doctor in XDG_CONFIG_HOME, else in ~/.config.
TESSERA_API std::optional<Verdict> load_verdict(const DeviceInfo& info);
/// Returns why the device is unreliable, according to load_verdict; else an empty string.
TESSERA_API std::string reason_to_avoid(const DeviceInfo& info);
/// Returns the OpenCL drivers that crash, exit or hang the process that loads them and are
/// therefore skipped, as `list_devices` shows them. These are the drivers found so far in this
/// process by listing or opening devices.
TESSERA_API std::vector<DeviceInfo> broken_drivers();
/// Stores a verdict and returns the path of the file. Throws Error if it cannot be written.
TESSERA_API std::string store_verdict(const DeviceInfo& info, const Verdict& verdict);

}  // namespace tessera
