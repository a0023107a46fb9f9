// A device that only stores bytes: for tests of what is above the backends.
#pragma once

#include <algorithm>
#include <cstring>

#include "tessera/device.h"
#include "tessera/error.h"

namespace tessera {

class HostBuffer : public Buffer {
 public:
  explicit HostBuffer(std::size_t count) : storage(count) {}
  std::size_t bytes() const override { return storage.size(); }
  std::vector<std::byte> storage;
};

class HostDevice : public Device {
 public:
  const DeviceInfo& info() const override { return info_; }
  std::size_t buffer_alignment() const override { return 64; }
  std::unique_ptr<Buffer> allocate(std::size_t bytes) override {
    return std::make_unique<HostBuffer>(bytes);
  }
  void upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) override {
    auto& storage = static_cast<HostBuffer&>(to).storage;
    std::copy(bytes.begin(), bytes.end(), storage.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) override {
    const auto& storage = static_cast<const HostBuffer&>(from).storage;
    std::copy_n(storage.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
  }
  std::unique_ptr<Executable> compile(const Plan&, Params&) override {
    throw Error("host", "runs nothing");
  }
  void finish() override {}
  void set_profiling(bool) override {}
  Ceilings measure_ceilings() override { return {}; }
  /// Allocations up to this size.
  void allow(std::uint64_t bytes) { info_.max_allocation_bytes = bytes; }

 private:
  DeviceInfo info_;
};

}  // namespace tessera
