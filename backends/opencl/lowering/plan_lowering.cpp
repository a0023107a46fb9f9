#include "backends/opencl/lowering/plan_lowering.h"

#include "backends/opencl/lowering/counting.h"

namespace tessera::opencl {

NodeLowering PlanLowering::choose(const Algorithms& algorithms, NodeId node, const Tuning& tuning) {
  NodeLowering lowering;
  lowering.choice = algorithms.choose(
      device_node(node), tuning, [&](const Algorithm& algorithm, const Parameters& parameters) {
        Attempt attempt = opencl::measure(*this, node, algorithm, parameters);
        lowering.pieces = std::move(attempt.pieces);
        return std::move(attempt.refusal);
      });
  return lowering;
}

std::vector<Candidate> PlanLowering::candidates(const Algorithms& algorithms, NodeId node) {
  return algorithms.candidates(device_node(node),
                               [&](const Algorithm& algorithm, const Parameters& parameters) {
                                 return opencl::measure(*this, node, algorithm, parameters).refusal;
                               });
}

std::string PlanLowering::measure(NodeId node, const Algorithm& algorithm,
                                  const Parameters& parameters, const Piece& piece) {
  state_.workspaces.sizes.rewind();
  LaunchBuilder builder(state_, node, true, parameters, piece);
  if (algorithm.refusal)
    if (std::string reason = algorithm.refusal(builder); !reason.empty()) return reason;
  check_elements(builder, algorithm);
  algorithm.lower(builder);
  return {};
}

PlanLowering::Measured PlanLowering::measured() const {
  return {workspaces(), packed(), table_bytes(), programs().size()};
}

void PlanLowering::restore(const Measured& measured) {
  state_.workspaces.sizes = measured.workspaces;
  state_.packed.sizes = measured.packed;
  state_.table_bytes = measured.table_bytes;
  state_.programs.erase(state_.programs.begin() + static_cast<std::ptrdiff_t>(measured.programs),
                        state_.programs.end());
}

void PlanLowering::set_memory(const Buffers* buffers, std::vector<cl::Buffer> workspaces,
                              std::vector<cl::Buffer> packed) {
  state_.buffers = buffers;
  state_.workspaces.blocks = std::move(workspaces);
  state_.packed.blocks = std::move(packed);
  state_.packed.sizes.rewind();
}

void PlanLowering::lower(NodeId node, const NodeLowering& lowering) {
  for (const Piece& piece : lowering.pieces) {
    state_.workspaces.sizes.rewind();
    LaunchBuilder builder(state_, node, false, lowering.choice.parameters, piece);
    lowering.choice.algorithm->lower(builder);
  }
}

}  // namespace tessera::opencl
