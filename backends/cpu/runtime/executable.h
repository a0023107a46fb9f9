// A plan made ready for the CPU: arenas, one workspace, and one prepared step per node.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/cpu/runtime/device.h"
#include "tessera/params.h"

namespace tessera::cpu {

class CpuExecutable : public Executable {
 public:
  CpuExecutable(CpuDevice& device, const Plan& plan, Params& params);

  void set_input(std::string_view name, std::span<const std::byte> bytes) override;
  void run() override;
  void read_output(std::string_view name, std::span<std::byte> bytes) override;
  std::vector<Buffer*> arenas() override;
  const Graph& graph() const override { return graph_; }
  const std::vector<NodeChoice>& choices() const override { return choices_; }
  MemoryUse memory() const override { return memory_; }
  std::vector<ProfileRecord> take_records() override { return std::exchange(records_, {}); }

 private:
  /// Memory that set_input writes or read_output reads; `data` is nullptr if no node uses it.
  struct Slot {
    std::byte* data;
    TensorSpec spec;
  };
  using Slots = std::map<std::string, Slot, std::less<>>;

  std::vector<std::byte*> place_values(const Plan& plan, Params& params);
  void lower(NodeId id, const Plan& plan, const std::vector<std::byte*>& values);
  void allocate_workspace();
  static const Slot& find_slot(const Slots& slots, const char* kind, std::string_view name,
                               std::size_t bytes);

  /// Runs `work`; leaves a record of it while the device profiles.
  template <typename Work>
  void recorded(NodeId node, const char* what, std::string_view name, Queue queue,
                const Work& work);

  CpuDevice& device_;
  Graph graph_;
  std::vector<CpuBuffer> arenas_;
  std::vector<CpuBuffer> constants_;
  std::unique_ptr<CpuBuffer> workspace_;
  std::unique_ptr<CpuBuffer> kept_;  ///< packed weights that are fixed
  struct NodeStep {
    NodeId node;
    Step step;
    bool runs_once;             ///< for each version of the parameters
    bool is_kept;               ///< whether its packed weights are
    std::size_t packed_at = 0;  ///< bytes from the start of kept_, or of the workspace
  };
  std::vector<NodeStep> steps_;
  Slots inputs_;
  Slots outputs_;
  std::vector<NodeChoice> choices_;  ///< one for each node
  Params& params_;
  bool updates_params_;
  std::uint64_t seen_version_ = 0;  ///< of the parameters, for which fixed values are there
  MemoryUse memory_;
  std::vector<ProfileRecord> records_;
};

}  // namespace tessera::cpu
