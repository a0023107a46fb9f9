// The norm of many tensors, and the ratio of norms that LARS takes.
#include <cmath>

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Piece {
  const float* x;
  std::int64_t count;
};

double square_sum(const Piece& piece) {
  constexpr std::int64_t lanes = 16;
  float lane_sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= piece.count; i += lanes)
    for (std::int64_t lane = 0; lane < lanes; ++lane)
      lane_sums[lane] += piece.x[i + lane] * piece.x[i + lane];
  double sum = 0;
  for (; i < piece.count; ++i) sum += static_cast<double>(piece.x[i]) * piece.x[i];
  for (float lane_sum : lane_sums) sum += lane_sum;
  return sum;
}

Step lower_norm(const BoundNode& node) {
  constexpr std::int64_t piece_floats = 16384;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < node.input_count(); ++i) {
    const std::int64_t count = node.input_spec(i).elements();
    for (std::int64_t begin = 0; begin < count; begin += piece_floats)
      pieces.push_back({node.input(i) + begin, std::min(piece_floats, count - begin)});
  }
  float* y = node.output(0);
  const auto count = static_cast<std::int64_t>(pieces.size());
  const auto run = [=, pieces = std::move(pieces)](const StepContext& context) {
    auto* sums = reinterpret_cast<double*>(context.workspace);
    context.pool.for_each(count, [&](std::int64_t i, int) {
      sums[i] = square_sum(pieces[static_cast<std::size_t>(i)]);
    });
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += sums[i];
    *y = static_cast<float>(std::sqrt(sum));
  };
  return {run, static_cast<std::size_t>(count) * sizeof(double)};
}

Step lower_trust_ratio(const BoundNode& node) {
  const auto coefficient = static_cast<float>(node.attributes().number("coefficient"));
  const auto decay = static_cast<float>(node.attributes().number("weight_decay"));
  return {[=, w = node.input(0), dw = node.input(1), y = node.output(0)](const StepContext&) {
    *y = *w == 0 || *dw == 0 ? 1 : coefficient * *w / (*dw + decay * *w);
  }};
}

}  // namespace

std::vector<OpAlgorithms> global_norm_algorithms() {
  return {{"global_norm", {{"pieces", nullptr, lower_norm}}},
          {"trust_ratio", {{"single", nullptr, lower_trust_ratio}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
