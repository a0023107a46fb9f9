// From the nodes of a plan to steps: the executable's side of LaunchBuilder. First `choose`
// measures every node, then `set_memory` gives what they need, and `lower` makes their launches.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "backends/opencl/lowering/algorithm.h"
#include "backends/opencl/lowering/blocks.h"
#include "backends/opencl/runtime/device.h"
#include "tessera/plan.h"

namespace tessera::opencl {

struct Step {
  NodeId node = no_node;
  std::variant<Launch, Call> work;
  bool is_fixed = false;  ///< gives the same until the parameters change
};

/// Where the values of a plan lie.
using Buffers = std::map<ValueId, Storage>;

/// What the builders of a plan's nodes write to.
struct LoweringState {
  struct Memory {
    Blocks sizes;
    std::vector<cl::Buffer> blocks;
  };

  OpenclDevice& device;
  const Plan& plan;
  const Buffers* buffers = nullptr;
  Memory workspaces = {};       ///< as large as the node needs that needs most of a block
  Memory packed = {};           ///< the packed weights of all nodes
  std::size_t table_bytes = 0;  ///< of all nodes
  std::vector<ProgramCache::Name> programs = {};
  std::vector<Step> steps = {};
  // For the executable to keep alive.
  std::vector<cl::Buffer> kept = {};
  std::vector<std::unique_ptr<OpenclBuffer>> tables = {};
};

/// An algorithm for a node, and the pieces in which it runs it.
struct NodeLowering {
  Algorithms::Choice choice;
  std::vector<Piece> pieces;
};

class PlanLowering {
 public:
  PlanLowering(OpenclDevice& device, const Plan& plan) : state_{device, plan} {}

  DeviceNode device_node(NodeId node) const { return {{state_.plan.graph(), node}, state_.device}; }
  /// Measures a node with the algorithm that the table chooses. Throws Error if there is none.
  NodeLowering choose(const Algorithms& algorithms, NodeId node, const Tuning& tuning);
  /// Returns what Device::candidates returns.
  std::vector<Candidate> candidates(const Algorithms& algorithms, NodeId node);
  /// Measures a piece of a node. Returns why its kernels cannot run it, or an empty text.
  std::string measure(NodeId node, const Algorithm& algorithm, const Parameters& parameters,
                      const Piece& piece);

  /// What measuring has counted so far.
  struct Measured {
    Blocks workspaces, packed;
    std::size_t table_bytes = 0;
    std::size_t programs = 0;
  };
  Measured measured() const;
  void restore(const Measured& measured);

  /// Gives the memory of the values, and blocks of the sizes that measuring has found.
  void set_memory(const Buffers* buffers, std::vector<cl::Buffer> workspaces,
                  std::vector<cl::Buffer> packed);
  /// Makes the launches of a node.
  void lower(NodeId node, const NodeLowering& lowering);

  /// Those of the launches that were measured, some more than once.
  const std::vector<ProgramCache::Name>& programs() const { return state_.programs; }
  const Blocks& workspaces() const { return state_.workspaces.sizes; }
  const Blocks& packed() const { return state_.packed.sizes; }
  std::size_t table_bytes() const { return state_.table_bytes; }
  std::vector<Step> take_steps() { return std::move(state_.steps); }
  std::vector<cl::Buffer> take_buffers() { return std::move(state_.kept); }
  std::vector<std::unique_ptr<OpenclBuffer>> take_tables() { return std::move(state_.tables); }

 private:
  LoweringState state_;
};

}  // namespace tessera::opencl
