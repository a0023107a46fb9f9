// Prints, as JSON, the programs that the OpenCL backend builds for GPUs, for compilers that need no
// GPU (compile.py): those of every op case with every algorithm and of some models' training, those
// of matrix units, and each kernel file with its own defaults. Any OpenCL device serves, in the
// roles of GPUs.
#include <nlohmann/json.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <set>

#include "backends/opencl/lowering/algorithm.h"
#include "backends/opencl/programs/kernel_source.h"
#include "engine/training/training_graph.h"
#include "tessera/models.h"
#include "tests/cases/run.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

/// What tests end with that this machine lacks something for.
constexpr int skipped = 77;

/// GPUs for which the same programs are built: the targets of compile.py, and their traits.
struct Role {
  std::vector<std::string> targets;
  std::size_t sub_group = 0;
  MatrixUnits tf32_units = MatrixUnits::none, bf16_units = MatrixUnits::none;
};

const Role plain_roles[] = {
    {{"gfx906", "gfx90a", "gfx1030", "sm_70", "sm_75", "sm_80", "sm_90"}},
    {{"skl", "tgllp", "dg2"}, 8},
    {{"pvc"}, 16},
};
const Role matrix_roles[] = {
    {{"sm_80", "sm_90"}, 0, MatrixUnits::warp_tf32, MatrixUnits::warp_bf16},
    {{"dg2"}, 8, MatrixUnits::none, MatrixUnits::sub_group_bf16},
    {{"pvc"}, 16, MatrixUnits::none, MatrixUnits::sub_group_bf16},
};

std::unique_ptr<OpenclDevice> open_in(const Role& role, const std::string& id) {
  const auto gpu = open_as_gpu(id);
  Traits traits = gpu->traits();
  traits.clang_builtins = false;  // which only the compiler of the device underneath knows
  traits.sub_group = role.sub_group;
  traits.tf32_units = role.tf32_units;
  traits.bf16_units = role.bf16_units;
  return std::make_unique<OpenclDevice>(gpu->cl_device(), gpu->info(), traits);
}

using AlgorithmsByOp = std::map<std::string, std::vector<Algorithm>, std::less<>>;

/// By op; without CLBlast, whose kernels are its own.
AlgorithmsByOp algorithms() {
  AlgorithmsByOp all;
  const auto add = [&](const std::vector<OpAlgorithms>& ops) {
    for (const auto& [op, list] : ops)
      for (const Algorithm& algorithm : list)
        if (algorithm.name != "clblast") all[std::string(op)].push_back(algorithm);
  };
#define TESSERA_OP_FAMILY(family) add(family##_algorithms());
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
  return all;
}

/// "conv2d=naive,matmul=naive": the `rank`th algorithm of each op that has so many; empty when none
/// has.
std::string preferences(const AlgorithmsByOp& algorithms, std::size_t rank) {
  std::string text;
  for (const auto& [op, list] : algorithms)
    if (rank < list.size())
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", op, list[rank].name);
  return text;
}

/// The cases of ops with that many algorithms.
void compile_cases(Device& device, const AlgorithmsByOp& algorithms, std::size_t rank) {
  for (const cases::Case& c : cases::all_cases()) {
    const auto found = algorithms.find(c.op);
    if (rank == 0 || (found != algorithms.end() && rank < found->second.size()))
      cases::CaseRun(c, device, cases::is_differentiable(c));
  }
}

void compile_training(Device& device, std::string_view name, std::int64_t side) {
  const ImageModel model =
      make_model(name, {side, side, 3, {}}, std::vector<std::string>(10, "class"));
  const PlanOptions options = device.plan_options();
  const Plan plan(training_graph(image_task(model), 2, with_defaults({}), StepPart::whole),
                  options);
  Params params(device);
  params.add(plan.graph(), 0);
  device.compile(plan, params);
}

/// Which kernels of a program are asked for, and by which targets.
struct Asked {
  std::set<std::string> kernels, targets;
};
using Programs = std::map<std::pair<std::string, std::string>, Asked>;

void add(Programs& all, OpenclDevice& device, const Role& role) {
  for (const auto& [program, kernels] : device.programs().asked()) {
    all[program].kernels.insert(kernels.begin(), kernels.end());
    all[program].targets.insert(role.targets.begin(), role.targets.end());
  }
}

/// With each algorithm in turn where it can run.
void add_plain(Programs& all, const Role& role, const std::string& id) {
  const AlgorithmsByOp list = algorithms();
  for (std::size_t rank = 0; !preferences(list, rank).empty(); ++rank) {
    const Setting setting("TESSERA_OPENCL_ALGORITHM", preferences(list, rank));
    const auto device = open_in(role, id);
    compile_cases(*device, list, rank);
    if (rank == 0)
      for (const char* model : {"tutorial", "resnet18", "mobilenet_v2"})
        compile_training(*device, model, 32);
    add(all, *device, role);
  }
}

/// The trial product of each precision. Its programs are asked for but not built: their assembly
/// is another machine's, and compilers of OpenCL for CPUs end the process over it.
void add_matrix_units(Programs& all, const Role& role, const std::string& id) {
  const auto device = open_in(role, id);
  const TemporaryFolder folder;
  for (const KernelFile& file : embedded_kernel_files())
    std::ofstream(folder.path() / file.name) << "#error\n";
  const Setting setting("TESSERA_KERNEL_DIR", folder.path().string());
  for (MatmulPrecision precision : {MatmulPrecision::tf32, MatmulPrecision::bf16})
    device->set_matmul_precision(precision);
  add(all, *device, role);
}

nlohmann::json as_json(const Programs& programs) {
  auto list = nlohmann::json::array();
  const auto add = [&](std::string_view file, std::string_view options, const Asked& asked) {
    list.push_back({{"file", file},
                    {"options", options},
                    {"kernels", asked.kernels},
                    {"targets", asked.targets},
                    {"source", kernel_source(file)}});
  };
  for (const auto& [program, asked] : programs) add(program.first, program.second, asked);
  for (const KernelFile& file : embedded_kernel_files())
    if (file.name.ends_with(".cl")) add(file.name, "", {});
  return list;
}

void print(const std::string& id) {
  Programs programs;
  for (const Role& role : plain_roles) add_plain(programs, role, id);
  for (const Role& role : matrix_roles) add_matrix_units(programs, role, id);
  std::puts(as_json(programs).dump().c_str());
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
    tessera::opencl::print(ids.front());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
