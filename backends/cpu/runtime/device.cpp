#include "backends/cpu/runtime/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "backends/backends.h"
#include "backends/common/huge_pages.h"
#include "backends/cpu/runtime/executable.h"
#include "engine/base/machine.h"
#include "tessera/error.h"

namespace tessera::cpu {
namespace {

// A cache line and the widest vector.
constexpr std::size_t alignment = 64;

void check_range(std::string_view what, std::size_t bytes, std::size_t offset, std::size_t count) {
  if (offset > bytes || count > bytes - offset)
    throw Error("cpu", fmt::format("{} of {} bytes at offset {} does not fit a buffer of {} bytes",
                                   what, count, offset, bytes));
}

/// Bytes of all buffers of this process: the system promises more than there is.
std::atomic<std::uint64_t> in_use = 0;

VariantContents read_variant() {
  VariantContents contents;
  choose_variant().read(contents);
  return contents;
}

/// An algorithm that does not refuse a node can run it.
std::string always_ready(const Algorithm&, const Parameters&) { return {}; }

double gibibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 0x1p30; }

}  // namespace

CpuBuffer::CpuBuffer(std::size_t bytes, std::uint64_t limit) : bytes_(bytes) {
  const std::uint64_t others = in_use.load();
  const auto fail = [&](const char* why) {
    const std::string besides =
        others == 0 ? ""
                    : fmt::format(" besides {} in use ({:.1f} GiB)", others, gibibytes(others));
    throw OutOfMemory("cpu",
                      fmt::format("{} bytes ({:.1f} GiB) are needed{}, {} {} ({:.1f} GiB)", bytes,
                                  gibibytes(bytes), besides, why, limit, gibibytes(limit)));
  };
  if (bytes > limit || others > limit - bytes) fail("the machine has");
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment;
  void* data = ::operator new[](rounded* alignment, std::align_val_t{alignment}, std::nothrow);
  if (!data) fail("too much is in use of the machine's");
  in_use += bytes;
  data_ = {static_cast<std::byte*>(data), Free{bytes}};
  use_huge_pages(data, bytes);
}

void CpuBuffer::Free::operator()(std::byte* data) const {
  in_use -= bytes;
  ::operator delete[](data, std::align_val_t{alignment});
}

DeviceInfo device_info() {
  DeviceInfo info;
  const Machine machine = read_machine();
  info.id = "cpu";
  info.name = machine.name;
  info.vendor = machine.vendor;
  info.platform = "CPU";
  info.type = DeviceType::cpu;
  info.memory_bytes = machine.memory_bytes;
  info.max_allocation_bytes = machine.memory_bytes;
  info.cache_bytes = last_cache_bytes();
  try {
    info.driver = fmt::format("Eigen {}, {}", TESSERA_EIGEN_VERSION, choose_variant().name);
    info.compute_units = static_cast<std::uint32_t>(thread_count());
    info.usable = true;
  } catch (const Error& error) {
    info.reason = error.what();
  }
  return info;
}

std::unique_ptr<Device> open_device(int index, int count) {
  auto device = std::make_unique<CpuDevice>(last_cache_bytes(), index, count);
  device->set_tuning(load_tuning(device_info()));  // that of the whole, so that all compute alike
  return device;
}

std::unique_ptr<Device> open_reference() {
  auto device = std::make_unique<CpuDevice>();
  device->prefer_plainest();
  return device;
}

namespace {

int threads_of(int index, int count) {
  const int threads = thread_count();
  if (count > threads)
    throw Error("cpu", fmt::format("has {} threads, which do not make {} devices", threads, count));
  return threads / count + (index < threads % count);
}

}  // namespace

CpuDevice::CpuDevice(std::uint64_t cache_bytes, int index, int count)
    : info_(device_info()),
      variant_(read_variant()),
      algorithms_("the CPU", "TESSERA_CPU_ALGORITHM", std::exchange(variant_.ops, {}),
                  custom_op_algorithm()),
      pool_(std::make_unique<ThreadPool>(threads_of(index, count))) {
  info_.cache_bytes = cache_bytes;
  info_.compute_units = static_cast<std::uint32_t>(pool_->threads());
  if (count > 1) info_.id = fmt::format("cpu/{}:{}", count, index);
}

CpuDevice::~CpuDevice() {
  if (!home_.is_here()) static_cast<void>(pool_.release());  // there is no thread to wait for
}

void CpuDevice::check_process() const {
  if (pool_->threads() > 1) home_.check("cpu", "the device");
}

std::size_t CpuDevice::buffer_alignment() const { return alignment; }

std::unique_ptr<Buffer> CpuDevice::allocate(std::size_t bytes) {
  return std::make_unique<CpuBuffer>(bytes, info_.memory_bytes);
}

void CpuDevice::upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) {
  check_range("upload", to.bytes(), offset, bytes.size());
  if (!bytes.empty())
    std::copy(bytes.begin(), bytes.end(), static_cast<CpuBuffer&>(to).data() + offset);
}

void CpuDevice::download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) {
  check_range("download", from.bytes(), offset, bytes.size());
  if (!bytes.empty())
    std::copy_n(static_cast<const CpuBuffer&>(from).data() + offset, bytes.size(), bytes.begin());
}

std::unique_ptr<Executable> CpuDevice::compile(const Plan& plan, Params& params) {
  try {
    return std::make_unique<CpuExecutable>(*this, plan, params);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory("cpu", "there is too little memory for the tables of the plan");
  }
}

AlgorithmTable<Algorithm>::Choice CpuDevice::choose(const DeviceNode& node) const {
  return algorithms_.choose(node, tuning_, always_ready);
}

std::vector<Candidate> CpuDevice::candidates(const Graph& graph, NodeId node) {
  return algorithms_.candidates({NodeView(graph, node), processor()}, always_ready);
}

}  // namespace tessera::cpu
