// A plan made ready for the CPU: one arena, one workspace, and one prepared step per node.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backends/cpu/device.h"
#include "tessera/params.h"

namespace tessera::cpu {

class CpuExecutable : public Executable {
 public:
  CpuExecutable(CpuDevice& device, const Plan& plan, Params& params);

  void set_input(std::string_view name, std::span<const std::byte> bytes) override;
  void run() override;
  void read_output(std::string_view name, std::span<std::byte> bytes) override;
  Buffer& arena() override { return arena_; }
  std::vector<std::string> describe() const override { return description_; }

 private:
  /// Memory that set_input writes or read_output reads; `data` is nullptr if no node uses it.
  struct Slot {
    std::byte* data;
    TensorSpec spec;
  };
  using Slots = std::map<std::string, Slot, std::less<>>;

  std::vector<std::byte*> place_values(const Plan& plan, Params& params);
  void lower(const Graph& graph, const Node& node, const std::vector<std::byte*>& values);
  static const Slot& find_slot(const Slots& slots, const char* kind, std::string_view name,
                               std::size_t bytes);

  CpuDevice& device_;
  CpuBuffer arena_;
  std::vector<CpuBuffer> constants_;
  std::unique_ptr<CpuBuffer> workspace_;
  std::vector<Step> steps_;
  Slots inputs_;
  Slots outputs_;
  std::vector<std::string> description_;
};

}  // namespace tessera::cpu
