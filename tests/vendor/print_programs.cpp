// Prints, as JSON, the programs that the OpenCL backend builds for a GPU, for compilers that need
// no GPU (compile.py): those of every op case with every algorithm and of some models' training,
// and each kernel file with its own defaults. Any OpenCL device serves, in the role of a GPU.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "backends/opencl/kernel_source.h"
#include "backends/opencl/lowering.h"
#include "engine/training_graph.h"
#include "tessera/models.h"
#include "tests/cases/run.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

/// What tests end with that this machine lacks something for.
constexpr int skipped = 77;

/// "conv2d=naive,matmul=naive": the `rank`th algorithm of each op that has so many; empty when none
/// has. The kernels of CLBlast are its own.
std::string preferences(std::size_t rank) {
  std::string text;
  const auto add = [&](const std::vector<OpLowering>& lowerings) {
    for (const auto& [op, algorithms] : lowerings)
      if (rank < algorithms.size() && algorithms[rank].name != "clblast")
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", op, algorithms[rank].name);
  };
#define TESSERA_OP_FAMILY(family) add(family##_lowerings());
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
  return text;
}

void compile_cases(Device& device) {
  for (const cases::Case& c : cases::all_cases())
    cases::CaseRun(c, device, cases::is_differentiable(c));
}

void compile_training(Device& device, std::string_view name, std::int64_t side) {
  const Model model = make_model(name, {side, side, 3, {}}, std::vector<std::string>(10, "class"));
  const PlanOptions options = {.alignment = device.buffer_alignment()};
  const Plan plan(training_graph(model, 2, with_defaults({}), true), options);
  Params params(device);
  params.add(plan.graph(), 0);
  device.compile(plan, params);
}

/// With each algorithm in turn where it can run.
ProgramCache::Asked programs_of(const std::string& id) {
  ProgramCache::Asked all;
  for (std::size_t rank = 0; !preferences(rank).empty(); ++rank) {
    const Setting setting("TESSERA_OPENCL_ALGORITHM", preferences(rank));
    const auto device = open_as_gpu(id);
    compile_cases(*device);
    if (rank == 0)
      for (const char* model : {"tutorial", "resnet18", "mobilenet_v2"})
        compile_training(*device, model, 32);
    for (const auto& [program, kernels] : device->programs().asked())
      all[program].insert(kernels.begin(), kernels.end());
  }
  return all;
}

nlohmann::json as_json(const ProgramCache::Asked& programs) {
  auto list = nlohmann::json::array();
  const auto add = [&](std::string_view file, std::string_view options,
                       const std::set<std::string>& kernels) {
    list.push_back({{"file", file},
                    {"options", options},
                    {"kernels", kernels},
                    {"source", kernel_source(file)}});
  };
  for (const auto& [program, kernels] : programs) add(program.first, program.second, kernels);
  for (const KernelFile& file : embedded_kernel_files())
    if (file.name.ends_with(".cl")) add(file.name, "", {});
  return list;
}

}  // namespace
}  // namespace tessera::opencl

int main() {
  try {
    const auto ids = tessera::opencl::usable_ids();
    if (ids.empty()) {
      std::fputs("no OpenCL device to play the role of a GPU\n", stderr);
      return tessera::opencl::skipped;
    }
    const auto programs = tessera::opencl::programs_of(ids.front());
    std::puts(tessera::opencl::as_json(programs).dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
