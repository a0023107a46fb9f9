#include "tessera/flops.h"

#include <algorithm>
#include <array>

#include "engine/ops/conv2d.h"
#include "engine/ops/matmul.h"
#include "tessera/op.h"

namespace tessera {
namespace {

constexpr std::array moving = {"cast", "concat",  "expand", "flip",  "gather",   "one_hot",
                               "pad",  "permute", "record", "slice", "slice_dx", "take"};

}  // namespace

double flops(const Graph& graph, const Node& node) {
  const std::string_view op = node.op->name;
  const auto shape = [&](ValueId id) -> const Shape& { return graph.value(id).spec.shape; };
  const auto of_convolution = [&](ValueId x, ValueId w, ValueId y) {
    return conv2d_geometry(shape(x), shape(w), shape(y), node.attributes).flops();
  };
  const auto &in = node.inputs, &out = node.outputs;
  if (op == "conv2d") return of_convolution(in[0], in[1], out[0]);
  if (op == "conv2d_dx") return of_convolution(out[0], in[1], in[0]);
  if (op == "conv2d_dw") return of_convolution(in[0], out[0], in[1]);
  if (op == "matmul") return matmul_geometry(shape(in[0]), shape(in[1]), node.attributes).flops();
  if (node.op->is_view || std::find(moving.begin(), moving.end(), op) != moving.end()) return 0;
  std::int64_t most = 0;
  for (const auto* values : {&in, &out})
    for (ValueId id : *values) most = std::max(most, element_count(shape(id)));
  return static_cast<double>(most);
}

double flops(const Graph& graph) {
  double total = 0;
  for (const Node& node : graph.nodes()) total += flops(graph, node);
  return total;
}

}  // namespace tessera
