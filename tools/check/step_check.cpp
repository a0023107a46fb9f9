#include "tools/check/step_check.h"

#include <fmt/core.h>

#include <utility>

#include "tessera/op.h"
#include "tessera/text.h"

namespace tessera::tools {

std::string name_of(const WrongNode& wrong) {
  return fmt::format("node '{}' ({}, {})", wrong.node.name, wrong.node.node().op->name,
                     wrong.node.algorithm);
}

std::string report_of(const WrongNode& wrong) {
  std::string text =
      fmt::format("{}: {}\nrun by '{}' on {}\n", printable(name_of(wrong)), described(wrong.node),
                  printable(wrong.node.algorithm), printable(wrong.node.device));
  if (!wrong.not_finite.empty()) text += printable(wrong.not_finite) + "\n";
  for (const Difference& d : wrong.differences) {
    const std::int64_t elements =
        wrong.node.graph.value(wrong.node.node().outputs[d.output]).spec.elements();
    text += fmt::format("output {}: {} of {} elements are wrong, by up to {:.2g} of the largest\n",
                        d.output, d.count, elements, d.worst);
    for (const std::string& line : d.lines) text += "  " + line + "\n";
  }
  return text;
}

StepCheck check_step(Trainer& trainer, const Batch& batch, Device& reference, double tolerance) {
  StepCheck result;
  const DeviceInfo& device = trainer.network().device().info();
  trainer.inspect(batch, 0, [&](const NodeRun& run) {
    if (run.node().op->is_view) return true;
    NodeCase node = node_case(run, device);
    auto wrong = differences(reference, node, run.outputs, tolerance);
    std::string strange = not_finite(run);
    if (!wrong.empty() || !strange.empty())
      result.wrong = WrongNode{std::move(node), std::move(wrong), std::move(strange)};
    else
      ++result.nodes;
    return !result.wrong;
  });
  return result;
}

std::optional<WrongNode> check_node(Device& device, Device& reference, NodeCase node,
                                    double tolerance) {
  auto wrong = differences(reference, node, outputs_of(device, node), tolerance);
  if (wrong.empty()) return {};
  return WrongNode{std::move(node), std::move(wrong), {}};
}

}  // namespace tessera::tools
