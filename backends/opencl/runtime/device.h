// An OpenCL device that is open: context, queues, programs.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "backends/opencl/programs/program.h"
#include "backends/opencl/runtime/cl.h"
#include "backends/opencl/runtime/traits.h"
#include "engine/base/home_process.h"
#include "tessera/device.h"

namespace tessera::opencl {

class Algorithms;

/// Memory of the application in the place of a plan's values, which are roots.
using BoundBuffers = std::map<ValueId, cl::Buffer>;

/// The bytes [offset, offset + bytes) of a buffer.
cl::Buffer sub_buffer(cl::Buffer& buffer, std::size_t offset, std::size_t bytes);

class OpenclDevice final : public Device {
 public:
  /// `info.usable` is not looked at. Tests give other traits than the device's. `queue`: where the
  /// application has one; its context is the device's then.
  OpenclDevice(cl::Device device, DeviceInfo info, const Traits& traits,
               cl::CommandQueue queue = {});
  ~OpenclDevice() override;

  const DeviceInfo& info() const override { return info_; }
  std::size_t buffer_alignment() const override { return traits_.base_alignment; }
  std::size_t largest_arena() const override { return traits_.max_allocation; }
  std::unique_ptr<Buffer> allocate(std::size_t bytes) override;
  void upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) override;
  void download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) override;
  std::unique_ptr<Executable> compile(const Plan& plan, Params& params) override {
    return compile(plan, params, {});
  }
  std::unique_ptr<Executable> compile(const Plan& plan, Params& params, BoundBuffers bound);
  /// Tries the matrix units that the device may have on a small product.
  std::string set_matmul_precision(MatmulPrecision precision) override;
  void finish() override;
  void set_profiling(bool on) override;
  /// Throws Error in a child that was forked since: its commands would never end.
  void check_process() const { home_.check(info_.id, "the device"); }
  Ceilings measure_ceilings() override;
  std::vector<Candidate> candidates(const Graph& graph, NodeId node) override;
  void set_tuning(Tuning tuning) override { tuning_ = std::move(tuning); }

  /// Throws Error unless a small kernel builds, runs and gives the right result.
  void probe();

  const Traits& traits() const { return traits_; }
  /// Those for the precision that was asked for; none: all products are in float32.
  MatrixUnits matrix_units() const { return matrix_units_; }
  cl::Device& cl_device() { return device_; }
  cl::Context& context() { return context_; }
  cl::CommandQueue& compute_queue() { return compute_; }
  cl::CommandQueue& copy_queue() { return copy_; }
  ProgramCache& programs() { return programs_; }
  bool profiling() const { return profiling_; }
  /// What to add to the seconds of the device's events to get those of the host's steady clock.
  double profiling_clock() const { return profiling_clock_; }

  /// Counts memory in and out, since drivers promise more than there is.
  void reserve(std::size_t bytes);
  /// Throws Error when these bytes, made up of `parts`, are not free.
  void check_free(std::size_t bytes, std::string_view parts) const;
  void release(std::size_t bytes) { reserved_ -= bytes; }

 private:
  void check_range(const Buffer& buffer, std::size_t offset, std::size_t bytes) const;

  HomeProcess home_;
  cl::Device device_;
  DeviceInfo info_;
  Traits traits_;
  MatrixUnits matrix_units_ = MatrixUnits::none;
  bool has_own_queue_;
  cl::Context context_;
  cl::CommandQueue compute_;
  cl::CommandQueue copy_;
  ProgramCache programs_;
  std::unique_ptr<Algorithms> algorithms_;
  Tuning tuning_;
  std::size_t reserved_ = 0;
  bool profiling_ = false;
  double profiling_clock_ = 0;
};

class OpenclBuffer final : public Buffer {
 public:
  /// With these contents, if any.
  OpenclBuffer(OpenclDevice& device, std::size_t bytes, cl_mem_flags flags = CL_MEM_READ_WRITE,
               const void* contents = nullptr);
  ~OpenclBuffer() override { device_.release(bytes_); }
  OpenclBuffer(const OpenclBuffer&) = delete;
  OpenclBuffer& operator=(const OpenclBuffer&) = delete;

  std::size_t bytes() const override { return bytes_; }
  cl::Buffer& cl_buffer() { return buffer_; }
  const cl::Buffer& cl_buffer() const { return buffer_; }

 private:
  void use_huge_pages();

  OpenclDevice& device_;
  std::size_t bytes_;
  cl::Buffer buffer_;
};

}  // namespace tessera::opencl
