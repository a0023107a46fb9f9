// Gemm for two matrices, MatMul for batches of them.
#include "onnx/export/op_table.h"
#include "tessera/error.h"

namespace tessera::exporter {
namespace {

void gemm(Call& call) {
  std::vector<std::string> inputs = {call.plain(0), call.plain(1)};
  if (call.inputs() == 3) inputs.push_back(call.plain(2));
  call.set_plain(
      call.add("Gemm", inputs,
               {{"transA", call.integer("transpose_a")}, {"transB", call.integer("transpose_b")}}));
}

/// Returns an operand for MatMul, transposed if the op transposes it.
std::string factor(Call& call, std::size_t i, const char* transposes) {
  Axes axes = importer::plain_axes(call.rank(i));
  if (call.integer(transposes) == 1) std::swap(axes.back(), axes[axes.size() - 2]);
  return call.in_order(i, axes);
}

void matmul(Call& call) {
  if (call.inputs() > 3 || (call.inputs() == 3 && call.rank(2) != 1))
    throw Error("has a residual, expected a graph before fuse()");
  if (call.rank(0) == 2) return gemm(call);
  std::string y =
      call.add("MatMul", {factor(call, 0, "transpose_a"), factor(call, 1, "transpose_b")});
  if (call.inputs() == 3) y = call.add("Add", {y, call.plain(2)});
  call.set_plain(y);
}

}  // namespace

std::vector<Row> matmul_rows() { return {{"matmul", matmul}}; }

}  // namespace tessera::exporter
