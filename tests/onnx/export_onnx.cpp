// usage: export_onnx [MODEL SIDE CLASSES FOLDER], for the Python tests: lists the models, or writes
// a model with random weights and statistics to folded.onnx and plain.onnx, and what Tessera's CPU
// backend makes of two images to values.safetensors: "image" and "logits", in ONNX's order of
// dimensions.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <exception>

#include "tessera/models.h"
#include "tessera/onnx.h"
#include "tessera/safetensors.h"
#include "tests/onnx/nets.h"

namespace tessera {
namespace {

void run(const std::string& name, std::int64_t side, std::int64_t classes,
         const std::string& folder) {
  const std::int64_t channels = name == "lenet5" ? 1 : 3;
  const NetBuilder build = [&](Graph& graph, std::int64_t batch) {
    const Var image = graph.input("image", {DType::f32, {batch, side, side, channels}});
    graph.set_output("logits", append_model(name, image, classes));
  };
  const auto device = open_device("cpu");
  Params params(*device);
  const Net net = random_net(build, 2, params);
  write_onnx(folder + "/folded.onnx", build, params);
  write_onnx(folder + "/plain.onnx", build, params, {.folded = false});
  TensorFile values;
  values.tensors["image"] = channels_moved(net.graph, "image", net.input);
  values.tensors["logits"] = channels_moved(net.graph, "logits", net.output);
  write_safetensors(folder + "/values.safetensors", values);
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  try {
    if (argc == 1) {
      for (const std::string& name : tessera::model_names()) fmt::print("{}\n", name);
      return 0;
    }
    if (argc != 5) throw std::runtime_error("usage: export_onnx MODEL SIDE CLASSES FOLDER");
    tessera::run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]), argv[4]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
