// matmul: Eigen's GEMM on blocks of rows, each with packing buffers from the workspace.
#include <Eigen/Core>

#include "backends/cpu/variant.h"
#include "engine/ops/matmul.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Operands {
  MatmulGeometry g;
  const float *a, *b, *bias;
  float* y;
  // Elements between neighbours of op(a) [M,K] and op(b) [K,N].
  std::int64_t a_row, a_column, b_row, b_column;
};

Operands operands(const NodeContext& node) {
  Operands o{matmul_geometry(node.input_spec(0).shape, node.input_spec(1).shape, node.attributes()),
             node.input(0),
             node.input(1),
             node.optional_input(2),
             node.output(0),
             0,
             0,
             0,
             0};
  o.a_row = o.g.transpose_a ? 1 : o.g.K;
  o.a_column = o.g.transpose_a ? o.g.M : 1;
  o.b_row = o.g.transpose_b ? 1 : o.g.N;
  o.b_column = o.g.transpose_b ? o.g.K : 1;
  return o;
}

Step prepare_naive(const NodeContext& node) {
  const Operands o = operands(node);
  const std::int64_t rows = o.g.batch * o.g.M;
  const std::int64_t chunks = chunk_count(rows, static_cast<double>(o.g.N * o.g.K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const std::int64_t batch = row / o.g.M;
        const float* a = o.a + batch * o.g.M * o.g.K + row % o.g.M * o.a_row;
        const float* b = o.b + batch * o.g.K * o.g.N;
        for (std::int64_t n = 0; n < o.g.N; ++n) {
          double sum = o.bias ? o.bias[n] : 0;
          for (std::int64_t k = 0; k < o.g.K; ++k)
            sum += double{a[k * o.a_column]} * double{b[k * o.b_row + n * o.b_column]};
          o.y[row * o.g.N + n] = static_cast<float>(sum);
        }
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> matmul_lowerings() {
  return {{"matmul", {{"naive", nullptr, prepare_naive}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
