// Other element types: a kernel for each pair.
#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

void lower(LaunchBuilder& l) {
  const std::string kernel =
      fmt::format("{}_to_{}", to_string(l.input_spec(0).dtype), to_string(l.output_spec(0).dtype));
  l.launch_items("cast.cl", l.defines(), kernel, l.elements(l.output_spec(0)), 1024, l.input(0),
                 l.output(0));
}

}  // namespace

std::vector<OpAlgorithms> cast_algorithms() { return {{"cast", {{"elements", nullptr, lower}}}}; }

}  // namespace tessera::opencl
