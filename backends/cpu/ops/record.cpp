// record(x, history, counter): one number into a ring in the device's memory.
#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  float* history = node.output(0);
  std::int32_t* counter = node.output<std::int32_t>(1);
  const std::int64_t size = node.output_spec(0).elements();
  return {[=](const StepContext&) {
    history[static_cast<std::uint32_t>(*counter) % size] = *x;
    *counter = static_cast<std::int32_t>(static_cast<std::uint32_t>(*counter) + 1);
  }};
}

}  // namespace

std::vector<OpAlgorithms> record_algorithms() { return {{"record", {{"scalar", nullptr, lower}}}}; }

}  // namespace TESSERA_CPU_NAMESPACE
