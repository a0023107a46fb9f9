// The seam between the engine and the backends: a device allocates, copies and compiles plans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/export.h"
#include "tessera/plan.h"
#include "tessera/profile.h"
#include "tessera/tuning.h"

namespace tessera {

class Params;

enum class DeviceType : std::uint8_t { cpu, integrated_gpu, discrete_gpu, accelerator };
/// "cpu", "integrated gpu", "discrete gpu" or "accelerator".
TESSERA_API std::string_view to_string(DeviceType type);

/// How the factors of matrix products and convolutions are rounded, as by
/// torch.set_float32_matmul_precision; sums are float32 in any case.
enum class MatmulPrecision : std::uint8_t { float32, tf32, bf16 };
/// "float32", "tf32" or "bf16".
TESSERA_API std::string_view to_string(MatmulPrecision precision);
/// Throws Error when there is no such precision.
TESSERA_API MatmulPrecision matmul_precision(std::string_view name);

/// What `tessera devices` shows. `id` is "cpu" or "opencl:P:D".
struct DeviceInfo {
  std::string id;
  std::string name;
  std::string vendor;
  std::string driver;
  std::string platform;
  DeviceType type = DeviceType::cpu;
  std::uint32_t compute_units = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t max_allocation_bytes = 0;
  std::uint64_t cache_bytes = 0;  ///< of the CPU backend's last cache before memory; 0: unknown
  bool usable = false;
  std::string reason;  ///< why it is not usable
};

/// Bytes on a device. Freed with the object; the device must outlive it.
class TESSERA_API Buffer {
 public:
  virtual ~Buffer() = default;
  /// Its size.
  virtual std::size_t bytes() const = 0;
};

/// A plan made ready: memory allocated, kernels built, arguments bound. Running it allocates and
/// builds nothing.
class TESSERA_API Executable {
 public:
  virtual ~Executable() = default;
  /// Copies the bytes of an input for the next run; the caller's memory is free on return.
  virtual void set_input(std::string_view name, std::span<const std::byte> bytes) = 0;
  /// Starts a run; does not wait for it.
  virtual void run() = 0;
  /// Waits for the runs so far and copies an output.
  virtual void read_output(std::string_view name, std::span<std::byte> bytes) = 0;
  /// One buffer for each of Plan::arenas(), for tests that watch guard bytes.
  virtual std::vector<Buffer*> arenas() = 0;
  /// The nodes that it runs, in order.
  virtual const Graph& graph() const = 0;
  /// How: one for each node.
  virtual const std::vector<NodeChoice>& choices() const = 0;
  /// The choices as text, a line each.
  std::vector<std::string> describe() const;
  /// Bytes that it takes on the device.
  virtual MemoryUse memory() const = 0;
  /// Waits; what its runs did while the device was profiling and has not been taken, in the order
  /// of their start.
  virtual std::vector<ProfileRecord> take_records() = 0;
};

/// What computes. One thread may use a device at a time; devices do not share anything.
class TESSERA_API Device {
 public:
  virtual ~Device() = default;
  /// As in list_devices().
  virtual const DeviceInfo& info() const = 0;
  /// Bytes to which values in an arena must be aligned.
  virtual std::size_t buffer_alignment() const = 0;
  /// Bytes that it allocates at once at most.
  virtual std::size_t largest_arena() const { return PlanOptions().largest_arena; }
  /// How a plan for this device places values.
  PlanOptions plan_options() const {
    return {.alignment = buffer_alignment(), .largest_arena = largest_arena()};
  }
  /// Throws Error that says how much is needed and how much there is.
  virtual std::unique_ptr<Buffer> allocate(std::size_t bytes) = 0;
  /// Copy to and from a buffer; both wait until they are done, after all runs so far.
  virtual void upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) = 0;
  /// See upload.
  virtual void download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) = 0;
  /// The parameters and states of the plan must be in `params`, which must outlive the executable.
  virtual std::unique_ptr<Executable> compile(const Plan& plan, Params& params) = 0;
  /// For plans compiled from now on. Where the device cannot do it, products stay in float32, and
  /// the answer says why.
  virtual std::string set_matmul_precision(MatmulPrecision precision);
  /// Waits for all work.
  virtual void finish() = 0;
  /// Whether runs from now on leave records in their executables; they may be slower. Waits for all
  /// work so far.
  virtual void set_profiling(bool on) = 0;
  /// Measures for about a second; the device should have nothing else to do.
  virtual Ceilings measure_ceilings() = 0;

  /// The ways to run a node, the one taken without tuning first, each algorithm with its own choice
  /// of numbers before those to try. Empty on devices that have no choice.
  virtual std::vector<Candidate> candidates(const Graph& graph, NodeId node);
  /// For the plans compiled from now on. Ignores an entry that is not a candidate.
  virtual void set_tuning(Tuning tuning);
};

/// The CPU backend and every OpenCL device, usable or not.
TESSERA_API std::vector<DeviceInfo> list_devices();
/// "auto", "cpu", "opencl:P:D" or part of a name (any case). Empty means the environment variable
/// TESSERA_DEVICE, or "auto": a discrete GPU, else an integrated one, else the CPU backend.
/// Throws Error that lists what there is when nothing matches.
TESSERA_API std::unique_ptr<Device> open_device(std::string_view selector = {});

}  // namespace tessera
