// Steps of optimizers, in place: a kernel for each formula of engine/formulas/optimizer_step.h,
// launched once for all tensors of a node that lie in the same blocks of memory.
#include "engine/ops/optimizer_step.h"

#include <algorithm>
#include <array>

#include "backends/opencl/ops/pieces.h"
#include "engine/formulas/optimizer_step.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/optimizer_step_params.h"

constexpr std::size_t most_lists = 4;  // w, dw and two states

/// Tensors that one launch reaches: their blocks, and the rows of the kernel's `pieces`.
struct Batch {
  std::array<cl::Buffer, most_lists> blocks;
  std::vector<std::int32_t> pieces;
};

Batch& batch_of(std::vector<Batch>& batches, const std::array<cl::Buffer, most_lists>& blocks) {
  const auto same = [&](const Batch& batch) {
    return std::equal(blocks.begin(), blocks.end(), batch.blocks.begin(),
                      [](const cl::Buffer& a, const cl::Buffer& b) { return a() == b(); });
  };
  const auto found = std::find_if(batches.begin(), batches.end(), same);
  return found != batches.end() ? *found : batches.emplace_back(Batch{blocks, {}});
}

/// Appends the pieces of tensor `t`, whose constants start at `constants_at`.
void append_pieces(LaunchBuilder& l, std::size_t lists, std::size_t tensors, std::size_t t,
                   std::int64_t most, std::int64_t constants_at, std::vector<Batch>& batches) {
  std::array<cl::Buffer, most_lists> blocks;
  std::array<std::int64_t, most_lists> at{};
  for (std::size_t list = 0; list < lists; ++list) {
    const Storage storage = l.input_storage(list * tensors + t);
    blocks[list] = storage.block;
    at[list] = first_float(l, storage);
  }
  std::vector<std::int32_t>& pieces = batch_of(batches, blocks).pieces;
  const std::int64_t elements = l.input_spec(t).elements();
  for (std::int64_t first = 0; first < elements; first += most) {
    for (std::int64_t start : at) pieces.push_back(l.to_int(start + first));
    pieces.push_back(l.to_int(std::min(most, elements - first)));
    pieces.push_back(l.to_int(constants_at));
  }
}

template <std::size_t states>
void lower(LaunchBuilder& l) {
  constexpr std::size_t lists = 2 + states;
  const std::string op(l.node().op->name);
  const std::size_t tensors = l.output_count() / (1 + states), lr = lists * tensors;
  std::int64_t all = 0;
  for (std::size_t t = 0; t < tensors; ++t) all += l.input_spec(t).elements();
  std::vector<float> constants;
  std::vector<Batch> batches;
  for (std::size_t t = 0; t < tensors; ++t) {
    const std::vector<float> own = optimizer_constants(op, l.attributes(), t);
    append_pieces(l, lists, tensors, t, piece_elements(l, all),
                  static_cast<std::int64_t>(constants.size()), batches);
    constants.insert(constants.end(), own.begin(), own.end());
  }
  const bool has_extra = l.input_count() > lr + 1;
  const Storage rate = l.input_storage(lr), extra = has_extra ? l.input_storage(lr + 1) : rate;
  const cl::Buffer k = l.table(std::span<const float>(constants));
  for (const Batch& batch : batches) {
    const std::size_t pieces = batch.pieces.size() / (most_lists + 2);
    l.launch("optimizer_step.cl", l.defines(), op,
             {{pieces * l.traits().work_group, 1, 1}, {l.traits().work_group, 1, 1}},
             batch.blocks[0], batch.blocks[1], states > 0 ? batch.blocks[2] : l.unused(),
             states > 1 ? batch.blocks[3] : l.unused(), rate.block, extra.block, k,
             l.table(std::span<const std::int32_t>(batch.pieces)),
             OptimizerStepParams{.lr_at = first_float(l, rate), .extra_at = first_float(l, extra)});
  }
}

}  // namespace

std::vector<OpAlgorithms> optimizer_step_algorithms() {
#define STEP(NAME, STATES, ...) {#NAME, {{"pieces", nullptr, lower<STATES>}}},
  return {OPTIMIZER_STEPS(STEP)};
#undef STEP
}

}  // namespace tessera::opencl
