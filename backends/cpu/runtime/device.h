// The CPU as a device: its buffers are plain memory, and a run is done when run() returns.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/common/algorithm_table.h"
#include "backends/cpu/runtime/isa.h"
#include "backends/cpu/runtime/thread_pool.h"
#include "engine/base/home_process.h"
#include "engine/base/machine.h"
#include "tessera/device.h"

namespace tessera::cpu {

class CpuBuffer : public Buffer {
 public:
  /// Throws Error when `bytes` and those of all other buffers of this process are more than
  /// `limit`, the memory of the machine, or not to be had.
  CpuBuffer(std::size_t bytes, std::uint64_t limit);
  std::size_t bytes() const override { return bytes_; }
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    std::size_t bytes;
    void operator()(std::byte* data) const;
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte[], Free> data_;
};

class CpuDevice : public Device {
 public:
  /// `count` > 1: part `index` of so many, which share the threads.
  explicit CpuDevice(std::uint64_t cache_bytes = last_cache_bytes(), int index = 0, int count = 1);
  ~CpuDevice() override;

  const DeviceInfo& info() const override { return info_; }
  std::size_t buffer_alignment() const override;
  std::unique_ptr<Buffer> allocate(std::size_t bytes) override;
  void upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) override;
  void download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) override;
  std::unique_ptr<Executable> compile(const Plan& plan, Params& params) override;
  void finish() override {}
  void set_profiling(bool on) override { profiling_ = on; }
  Ceilings measure_ceilings() override;
  std::vector<Candidate> candidates(const Graph& graph, NodeId node) override;
  void set_tuning(Tuning tuning) override { tuning_ = std::move(tuning); }

  ThreadPool& pool() { return *pool_; }
  /// Held during a run: executables of one device share its threads.
  std::mutex& run_mutex() { return run_mutex_; }
  Processor processor() const { return {pool_->threads(), info_.cache_bytes}; }
  /// The algorithm that runs a node. Throws Error if there is none.
  AlgorithmTable<Algorithm>::Choice choose(const DeviceNode& node) const;
  bool profiling() const { return profiling_; }
  /// Throws Error in a child that was forked since, which has none of the pool's threads.
  void check_process() const;
  void prefer_plainest() { algorithms_.prefer_plainest(); }

 private:
  HomeProcess home_;
  DeviceInfo info_;
  VariantContents variant_;  ///< without its algorithms
  AlgorithmTable<Algorithm> algorithms_;
  Tuning tuning_;
  std::unique_ptr<ThreadPool> pool_;
  std::mutex run_mutex_;
  bool profiling_ = false;
};

}  // namespace tessera::cpu
