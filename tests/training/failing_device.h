// A device that computes as another one does, until it is to fail or to be slow.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tessera/device.h"
#include "tessera/error.h"

namespace tessera {

/// A fault to inject into a device.
struct Fault {
  std::atomic<int> runs_left = -1;      ///< runs until all of them fail; below 0: none does
  std::atomic<double> slow_factor = 1;  ///< of the time of a run
  std::atomic<int> uploads_left = -1;   ///< uploads until one arrives with other bits
};

class FailingExecutable final : public Executable {
 public:
  FailingExecutable(std::unique_ptr<Executable> inner, Fault& fault, const std::string& id)
      : inner_(std::move(inner)), fault_(fault), id_(id) {}
  void set_input(std::string_view name, std::span<const std::byte> bytes) override {
    inner_->set_input(name, bytes);
  }
  void run() override {
    if (fault_.runs_left == 0) throw Error(id_, "was unplugged");
    if (fault_.runs_left > 0) --fault_.runs_left;
    const auto start = std::chrono::steady_clock::now();
    inner_->run();
    const auto time = std::chrono::steady_clock::now() - start;
    if (fault_.slow_factor > 1) std::this_thread::sleep_for(time * (fault_.slow_factor - 1));
  }
  void read_output(std::string_view name, std::span<std::byte> bytes) override {
    inner_->read_output(name, bytes);
  }
  std::vector<Buffer*> arenas() override { return inner_->arenas(); }
  const Graph& graph() const override { return inner_->graph(); }
  const std::vector<NodeChoice>& choices() const override { return inner_->choices(); }
  MemoryUse memory() const override { return inner_->memory(); }
  std::vector<ProfileRecord> take_records() override { return inner_->take_records(); }

 private:
  std::unique_ptr<Executable> inner_;
  Fault& fault_;
  const std::string& id_;
};

class FailingDevice final : public Device {
 public:
  FailingDevice(std::unique_ptr<Device> inner, Fault& fault)
      : inner_(std::move(inner)), fault_(fault) {}
  const DeviceInfo& info() const override { return inner_->info(); }
  std::size_t buffer_alignment() const override { return inner_->buffer_alignment(); }
  std::size_t largest_arena() const override { return inner_->largest_arena(); }
  std::unique_ptr<Buffer> allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
  void upload(Buffer& to, std::size_t offset, std::span<const std::byte> bytes) override {
    std::vector<std::byte> other(bytes.begin(), bytes.end());
    if (fault_.uploads_left >= 0 && fault_.uploads_left-- == 0)
      for (std::byte& byte : other) byte ^= std::byte{1};
    inner_->upload(to, offset, other);
  }
  void download(const Buffer& from, std::size_t offset, std::span<std::byte> bytes) override {
    if (fault_.runs_left == 0) throw Error(info().id, "was unplugged");
    inner_->download(from, offset, bytes);
  }
  std::unique_ptr<Executable> compile(const Plan& plan, Params& params) override {
    return std::make_unique<FailingExecutable>(inner_->compile(plan, params), fault_, info().id);
  }
  void finish() override { inner_->finish(); }
  void set_profiling(bool on) override { inner_->set_profiling(on); }
  Ceilings measure_ceilings() override { return inner_->measure_ceilings(); }

 private:
  std::unique_ptr<Device> inner_;
  Fault& fault_;
};

}  // namespace tessera
