// Prints, as JSON, the launches of a training step with the choices for a GPU of given traits, for
// model.py. Any OpenCL device serves, in the role of the GPU; nothing is computed.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

#include "backends/opencl/runtime/executable.h"
#include "engine/training/training_graph.h"
#include "tessera/flops.h"
#include "tessera/models.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

using Json = nlohmann::ordered_json;

/// What tests end with that this machine lacks something for.
constexpr int skipped = 77;

struct Arguments {
  std::string model = "resnet50";
  std::int64_t side = 224, batch = 32, classes = 1000;
  std::uint32_t compute_units = 132;
  std::size_t sub_group = 0, local_memory = 48 << 10;
  std::uint64_t memory = std::uint64_t{16} << 30;
};

std::unique_ptr<OpenclDevice> open_in_role(const Arguments& a, const std::string& id) {
  const auto gpu = open_as_gpu(id);
  Traits traits = gpu->traits();
  traits.compute_units = a.compute_units;
  traits.sub_group = a.sub_group;
  traits.local_memory = a.local_memory;
  traits.max_work_group = 1024;
  traits.global_memory = a.memory;
  traits.max_allocation = a.memory / 4;
  return std::make_unique<OpenclDevice>(gpu->cl_device(), gpu->info(), traits);
}

Json sizes(const cl::NDRange& range) {
  Json all = Json::array();
  for (std::size_t i = 0; i < range.dimensions(); ++i) all.push_back(range.get()[i]);
  return all;
}

Json bytes_of(const Graph& graph, const std::vector<ValueId>& values) {
  Json all = Json::array();
  for (ValueId value : values) all.push_back(graph.value(value).spec.bytes());
  return all;
}

Json node_json(const Graph& graph, const OpenclExecutable& executable, NodeId id) {
  const Node& node = graph.node(id);
  const NodeChoice& choice = executable.choices().at(static_cast<std::size_t>(id));
  return {{"name", std::string(node.name)},         {"op", std::string(node.op->name)},
          {"algorithm", choice.algorithm},          {"flops", flops(graph, node)},
          {"inputs", bytes_of(graph, node.inputs)}, {"outputs", bytes_of(graph, node.outputs)}};
}

Json launch_json(OpenclDevice& device, const Step& step) {
  const auto* launch = std::get_if<Launch>(&step.work);
  if (!launch) return {{"node", step.node}, {"kernel", "(call)"}};
  const cl::Program program(launch->kernel.getInfo<CL_KERNEL_PROGRAM>());
  return {{"node", step.node},
          {"kernel", launch->kernel.getInfo<CL_KERNEL_FUNCTION_NAME>()},
          {"options", program.getBuildInfo<CL_PROGRAM_BUILD_OPTIONS>(device.cl_device())},
          {"global", sizes(launch->global)},
          {"local", sizes(launch->local)},
          {"fixed", step.is_fixed}};
}

void print(const Arguments& a, const std::string& id) {
  // A program that comes from a cache does not know its options.
  const TemporaryFolder folder;
  const Setting cache("TESSERA_CACHE_DIR", folder.path().string());
  const auto device = open_in_role(a, id);
  const ImageModel model =
      make_model(a.model, {a.side, a.side, 3, {}},
                 std::vector<std::string>(static_cast<std::size_t>(a.classes), "class"));
  const Plan plan(training_graph(image_task(model), a.batch, with_defaults({}), StepPart::whole),
                  device->plan_options());
  Params params(*device);
  params.add(plan.graph(), 0);
  const auto compiled = device->compile(plan, params);
  const auto& executable = dynamic_cast<const OpenclExecutable&>(*compiled);
  const Graph& graph = executable.graph();
  Json nodes = Json::object(), launches = Json::array();
  for (const Step& step : executable.steps()) {
    nodes[std::to_string(step.node)] = node_json(graph, executable, step.node);
    launches.push_back(launch_json(*device, step));
  }
  std::puts(Json{{"model", a.model},
                 {"side", a.side},
                 {"batch", a.batch},
                 {"nodes", nodes},
                 {"launches", launches}}
                .dump()
                .c_str());
}

}  // namespace
}  // namespace tessera::opencl

int main(int count, char** words) {
  using namespace tessera::opencl;
  CLI::App app("Print the launches of a training step on a GPU of given traits");
  Arguments a;
  app.add_option("--model", a.model);
  app.add_option("--side", a.side, "of square images");
  app.add_option("--batch", a.batch);
  app.add_option("--classes", a.classes);
  app.add_option("--compute-units", a.compute_units);
  app.add_option("--sub-group", a.sub_group, "lanes; 0: the device has none");
  app.add_option("--local-memory", a.local_memory, "bytes");
  app.add_option("--memory", a.memory, "bytes");
  CLI11_PARSE(app, count, words);
  try {
    const auto ids = usable_ids();
    if (ids.empty()) {
      std::fputs("no OpenCL device to play the role of a GPU\n", stderr);
      return skipped;
    }
    print(a, ids.front());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
