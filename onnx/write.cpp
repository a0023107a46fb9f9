// Exports models to ONNX files: the public functions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "onnx/export/op_table.h"
#include "onnx/metadata.h"
#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/fuse.h"
#include "tessera/onnx.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

// Two batch sizes that do not divide other dimensions, so that all sizes that grow with the batch
// are visible. Nothing runs, since a graph has no data.
constexpr std::int64_t batches[] = {10007, 10009};

Graph graph_for(const NetBuilder& build, std::int64_t batch, bool folded) {
  Graph graph;
  build(graph, batch);
  remove_dead_nodes(graph);
  if (folded) fold_norms(graph);
  return graph;
}

bool is_same_net(const Graph& a, const Graph& b) {
  if (a.nodes().size() != b.nodes().size()) return false;
  for (std::size_t i = 0; i < a.nodes().size(); ++i)
    if (a.nodes()[i].op != b.nodes()[i].op) return false;
  return true;
}

onnx::ModelProto model_of(const NetBuilder& build, const Params& params,
                          const OnnxOptions& options) {
  const Graph graph = graph_for(build, batches[0], options.folded);
  const Graph other = graph_for(build, batches[1], options.folded);
  if (!is_same_net(graph, other))
    throw Error("onnx", "the model has different nodes for different batch sizes");
  exporter::Writer writer({graph, other, params, options.weights});
  exporter::write_nodes(writer);
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("tessera");
  model.add_opset_import()->set_version(17);
  *model.mutable_graph() = writer.finish();
  return model;
}

void write(const std::string& path, const onnx::ModelProto& model) {
  if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error("onnx", fmt::format("'{}' would have {} bytes, expected below 2 GiB", path,
                                    model.ByteSizeLong()));
  const std::string bytes = model.SerializeAsString();
  write_file(path, bytes);
}

}  // namespace

void write_onnx(const std::string& path, const NetBuilder& build, const Params& params,
                const OnnxOptions& options) {
  write(path, model_of(build, params, options));
}

void write_onnx(const std::string& path, const ImageClassifier& network,
                const OnnxOptions& options) {
  const ImageModel& net = network.model();
  const ImageInput& input = net.input;
  const std::int64_t padding = 2 * input.options.padding;
  const NetBuilder build = [&](Graph& graph, std::int64_t batch) {
    const Shape images = {batch, input.height + padding, input.width + padding, input.channels};
    graph.set_output("logits", net.build(graph.input("image", {DType::f32, images})));
  };
  onnx::ModelProto model = model_of(build, network.params(), options);
  for (const auto& [key, value] : onnx_metadata(net)) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  write(path, model);
}

}  // namespace tessera
