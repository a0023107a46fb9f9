// What `tessera doctor` found of a device, kept for its driver and this version of the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera {

/// What an examination of a device found.
struct Verdict {
  std::string avoid;  ///< why the device is better not used, or empty
  /// Whether they say the same.
  bool operator==(const Verdict&) const = default;
};

/// Nothing when the device was not examined with this driver by this version, or when what stands
/// there cannot be read. Files stand in TESSERA_DOCTOR_DIR, else tessera/doctor in XDG_CONFIG_HOME,
/// else in ~/.config.
TESSERA_API std::optional<Verdict> load_verdict(const DeviceInfo& info);
/// Why the device is better not used, as far as load_verdict knows; else empty.
TESSERA_API std::string reason_to_avoid(const DeviceInfo& info);
/// The OpenCL drivers that crash, end or hang the process that loads them, and are left out for
/// that reason, as `list_devices` shows them: those found so far in this process, which has listed
/// or opened devices.
TESSERA_API std::vector<DeviceInfo> broken_drivers();
/// Returns the file. Throws Error when it cannot be written.
TESSERA_API std::string store_verdict(const DeviceInfo& info, const Verdict& verdict);

}  // namespace tessera
