// Several devices that train one network.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/device.h"

namespace tessera {

/// Devices in order; the first one is the leader, which holds the network.
class TESSERA_API DeviceGroup {
 public:
  /// Throws Error if there are none.
  explicit DeviceGroup(std::vector<std::unique_ptr<Device>> devices);

  /// Returns the device that holds the network.
  Device& leader() const { return *devices_.front(); }
  /// Returns all devices.
  const std::vector<std::unique_ptr<Device>>& devices() const { return devices_; }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
};

/// Opens the devices of a list such as "opencl:0:0,opencl:1:0,cpu". Each item is as for
/// open_device; "cpu/2" and "opencl:0:0/2" are the two halves of a device, "opencl:0:0/2:0" is the
/// first of them, and "all" is every GPU, or the CPU if there is none. Throws Error as open_device
/// does, and if a device comes twice.
TESSERA_API DeviceGroup open_devices(std::string_view list);

/// Returns whether two devices compute the same bits: they have equal names, drivers and platforms.
TESSERA_API bool are_of_one_kind(const DeviceInfo& a, const DeviceInfo& b);

/// Returns whether "all" means this device among others.
TESSERA_API bool in_group_of_all(const DeviceInfo& info);

/// How a batch is shared from a step on.
struct GroupShares {
  std::int64_t step = 0;                  ///< counted from 0
  std::vector<std::string> devices = {};  ///< ids of the devices that take part
  std::vector<std::int64_t> parts = {};   ///< of each device

  /// Whether all is equal.
  bool operator==(const GroupShares&) const = default;
};

/// Work of a group as its host threads see it. Times are in seconds of std::chrono::steady_clock.
struct GroupSpan {
  std::string device;  ///< the id of the device whose thread did it; empty: for all devices
  std::string work;    ///< "gradients", "update" and so on
  double start = 0;
  double end = 0;
};

/// How many samples a device has computed.
struct DeviceSamples {
  std::string device;  ///< its id
  std::int64_t samples = 0;
};

/// How a group shares its work.
struct GroupOptions {
  /// The proportion of the parts that the devices get. If empty, it follows the speeds that are
  /// measured.
  std::vector<double> shares = {};
  /// Shares with which a run resumes until speeds have been measured: the last ones for these
  /// devices count.
  std::vector<GroupShares> start = {};
  /// If not empty, the shares of an earlier run, which are taken step by step. Those of fewer
  /// devices are ignored.
  std::vector<GroupShares> replay = {};
  /// Called with the shares of the first step, and when they change or a device leaves the group.
  /// `text` says what happened; it is empty at first.
  std::function<void(const GroupShares& shares, const std::string& text)> on_shares = {};
  /// If above 0, every so many steps checksums of the weights and states of all devices are
  /// compared; of devices of several kinds those of the weights, since only the first one has the
  /// states. Reads them all. A difference is an Error that names the devices.
  std::int64_t check_every = 0;
  /// Called after each piece of work, on the thread that did it: several threads may call at once.
  std::function<void(const GroupSpan& span)> on_span = {};
};

}  // namespace tessera
