// The norm of many tensors, and the ratio of norms that LARS takes.
#include <algorithm>

#include "backends/opencl/ops/pieces.h"

namespace tessera::opencl {
namespace {

/// The inputs that lie in one block of memory, and the rows of the kernel's `pieces`.
struct Batch {
  cl::Buffer block;
  std::vector<std::int32_t> pieces;
};

Batch& batch_of(std::vector<Batch>& batches, const cl::Buffer& block) {
  const auto found = std::find_if(batches.begin(), batches.end(),
                                  [&](const Batch& b) { return b.block() == block(); });
  return found != batches.end() ? *found : batches.emplace_back(Batch{block, {}});
}

void lower_norm(LaunchBuilder& l) {
  std::int64_t all = 0;
  for (std::size_t i = 0; i < l.input_count(); ++i) all += l.input_spec(i).elements();
  const std::int64_t most = piece_elements(l, all);
  std::vector<Batch> batches;
  std::int64_t count = 0;  // of pieces, in the order of the inputs, wherever these lie
  for (std::size_t i = 0; i < l.input_count(); ++i) {
    const Storage storage = l.input_storage(i);
    const std::int64_t elements = l.input_spec(i).elements();
    for (std::int64_t first = 0; first < elements; first += most) {
      std::vector<std::int32_t>& pieces = batch_of(batches, storage.block).pieces;
      pieces.push_back(l.to_int(first_float(l, storage) + first));
      pieces.push_back(l.to_int(std::min(most, elements - first)));
      pieces.push_back(l.to_int(count++));
    }
  }
  const std::size_t group = l.traits().work_group;
  const cl::Buffer sums = l.workspace(static_cast<std::size_t>(count) * sizeof(float));
  for (const Batch& batch : batches)
    l.launch("global_norm.cl", l.defines(), "square_sums",
             {{batch.pieces.size() / 3 * group, 1, 1}, {group, 1, 1}}, batch.block, sums,
             l.table(std::span<const std::int32_t>(batch.pieces)));
  l.launch("global_norm.cl", l.defines(), "norm_of_sums", {{group, 1, 1}, {group, 1, 1}}, sums,
           l.output(0), l.to_int(count));
}

void lower_trust_ratio(LaunchBuilder& l) {
  const Range one = {{1, 1, 1}, {l.traits().work_group, 1, 1}};
  l.launch("global_norm.cl", l.defines(), "trust_ratio", one, l.input(0), l.input(1), l.output(0),
           static_cast<cl_float>(l.attributes().number("coefficient")),
           static_cast<cl_float>(l.attributes().number("weight_decay")));
}

}  // namespace

std::vector<OpAlgorithms> global_norm_algorithms() {
  return {{"global_norm", {{"pieces", nullptr, lower_norm}}},
          {"trust_ratio", {{"single", nullptr, lower_trust_ratio}}}};
}

}  // namespace tessera::opencl
