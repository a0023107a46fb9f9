#include "backends/opencl/lowering/lowering.h"

#include <algorithm>
#include <limits>

#include "backends/opencl/lowering/counting.h"
#include "engine/base/size_text.h"

namespace tessera::opencl {

void Lowering::begin(NodeId node, bool measuring, Parameters parameters, Piece piece) {
  node_ = node;
  measuring_ = measuring;
  piece_ = std::move(piece);
  const auto specs = [&](const std::vector<ValueId>& ids, const auto& is_by_row) {
    std::vector<TensorSpec> all;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      all.push_back(graph_.value(ids[i]).spec);
      if (piece_.count > 0 && is_by_row(i)) all.back().shape[0] = piece_.count;
    }
    return all;
  };
  input_specs_ = specs(this->node().inputs, [&](std::size_t i) { return bool{piece_.inputs[i]}; });
  output_specs_ = specs(this->node().outputs, [](std::size_t) { return true; });
  parameters_ = std::move(parameters);
  workspaces_.rewind();
}

std::int64_t Lowering::parameter(std::string_view name, std::int64_t untuned) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? untuned : found->second;
}

void Lowering::set_memory(const Buffers* buffers, std::vector<cl::Buffer> workspaces,
                          std::vector<cl::Buffer> prepared) {
  buffers_ = buffers;
  workspace_blocks_ = std::move(workspaces);
  prepared_blocks_ = std::move(prepared);
  prepared_.rewind();
}

Lowering::Preparation::Preparation(Lowering& l, std::initializer_list<std::size_t> inputs) : l_(l) {
  l.preparing_ = std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) {
    return l.plan_.is_fixed(l.node().inputs.at(i));
  });
}

void Lowering::restore(const Measured& measured) {
  workspaces_ = measured.workspaces;
  prepared_ = measured.prepared;
  table_bytes_ = measured.table_bytes;
  programs_.erase(programs_.begin() + static_cast<std::ptrdiff_t>(measured.programs),
                  programs_.end());
}

Storage Lowering::storage(ValueId value, bool by_row) {
  if (measuring_) return {};
  Storage whole = buffers_->at(value);
  if (!by_row) return whole;
  const TensorSpec& spec = graph_.value(value).spec;
  const std::size_t row = spec.bytes() / static_cast<std::size_t>(spec.dim(0));
  const std::size_t offset = whole.offset + static_cast<std::size_t>(piece_.first) * row;
  const std::size_t bytes = static_cast<std::size_t>(piece_.count) * row;
  kept_.push_back(sub_buffer(whole.block, offset, std::max<std::size_t>(bytes, 1)));
  return {kept_.back(), whole.block, offset};
}

Storage Lowering::input_storage(std::size_t i) {
  Storage storage = this->storage(node().inputs.at(i), piece_.count > 0 && piece_.inputs[i]);
  const std::size_t end = storage.offset + input_spec(i).bytes();
  if (end / sizeof(float) > static_cast<std::size_t>(traits().most_elements))
    return {storage.buffer, storage.buffer, 0};
  return storage;
}

cl::Buffer Lowering::workspace(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  const std::size_t largest = device_.largest_arena();
  if (bytes > largest)
    throw TooLarge(node(), fmt::format("its workspace needs an allocation of {}; the device allows "
                                       "{}",
                                       mebibytes(bytes), mebibytes(largest)));
  if (bytes / sizeof(float) > static_cast<std::size_t>(traits().most_elements))
    throw TooLarge(node(), fmt::format("its workspace has {} elements, its kernels count to {}",
                                       bytes / sizeof(float), traits().most_elements));
  const auto [block, offset] =
      (preparing_ ? prepared_ : workspaces_).take(bytes, traits().base_alignment, largest);
  if (measuring_) return {};
  kept_.push_back(
      sub_buffer((preparing_ ? prepared_blocks_ : workspace_blocks_).at(block), offset, bytes));
  return kept_.back();
}

cl::Buffer Lowering::table(std::span<const std::int32_t> values) {
  return table(values.data(), values.size_bytes());
}

cl::Buffer Lowering::table(std::span<const float> values) {
  return table(values.data(), values.size_bytes());
}

cl::Buffer Lowering::table(const void* data, std::size_t bytes) {
  // An empty table still needs a buffer to bind.
  const std::int32_t nothing = 0;
  const bool empty = bytes == 0;
  if (empty) bytes = sizeof nothing;
  if (measuring_) {
    table_bytes_ += bytes;
    return {};
  }
  tables_.push_back(std::make_unique<OpenclBuffer>(
      device_, bytes, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, empty ? &nothing : data));
  return tables_.back()->cl_buffer();
}

Defines Lowering::defines(std::size_t width) const { return common_defines(traits(), width); }

// On a CPU a work-item should be worth its start, and there should be a few for each core.
std::int64_t Lowering::chunk_of(std::int64_t items, std::int64_t at_least) const {
  if (!traits().is_cpu) return 1;
  const std::int64_t work_items = 4 * std::int64_t{traits().compute_units};
  return std::max({(items + work_items - 1) / work_items, at_least, std::int64_t{1}});
}

// A cache's other parts belong to what else is read and written, and to other cores.
cl_int Lowering::past_cache(std::size_t i) const {
  constexpr std::uint64_t part = 4;
  const std::uint64_t cache = traits().cache_bytes;
  return cache > 0 && output_spec(i).bytes() >= cache / part;
}

cl_int Lowering::to_int(std::int64_t value) const {
  if (value > std::numeric_limits<cl_int>::max() || value < std::numeric_limits<cl_int>::min())
    throw TooLarge(node(), fmt::format("a size or offset is {}, expected at most {}", value,
                                       std::numeric_limits<cl_int>::max()));
  return static_cast<cl_int>(value);
}

LoweringTable::LoweringTable(std::string_view preferences) {
#define TESSERA_OP_FAMILY(name) \
  for (OpLowering & op : name##_lowerings()) ops_[op.op].algorithms = std::move(op.algorithms);
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY

  while (!preferences.empty()) {
    const std::string_view item = preferences.substr(0, preferences.find(','));
    preferences.remove_prefix(std::min(item.size() + 1, preferences.size()));
    const std::size_t equals = std::min(item.find('='), item.size());
    const auto op = ops_.find(item.substr(0, equals));
    const auto fail = [&](std::string_view what) {
      throw Error("TESSERA_OPENCL_ALGORITHM", fmt::format("'{}' names an unknown {}", item, what));
    };
    if (op == ops_.end()) fail("op");
    const std::string_view name = item.substr(std::min(equals + 1, item.size()));
    std::vector<Algorithm>& algorithms = op->second.algorithms;
    const auto found = std::find_if(algorithms.begin(), algorithms.end(),
                                    [&](const Algorithm& a) { return a.name == name; });
    if (found == algorithms.end()) fail("algorithm");
    std::rotate(algorithms.begin(), found, found + 1);
    op->second.has_preference = true;
  }
}

namespace {

/// What an algorithm runs a node with: its own choice, and the candidates.
std::vector<Parameters> parameters_of(const Algorithm& algorithm, const Lowering& lowering) {
  std::vector<Parameters> all = {{}};
  if (!algorithm.candidates) return all;
  for (Parameters& parameters : algorithm.candidates(lowering))
    all.push_back(std::move(parameters));
  return all;
}

std::string refusal(const Algorithm& algorithm, const Lowering& lowering) {
  try {
    return algorithm.refusal(lowering);
  } catch (const TooLarge& error) {
    return error.reason();
  }
}

std::string doubt(const Algorithm& algorithm, const Lowering& lowering) {
  return algorithm.doubt ? algorithm.doubt(lowering) : "";
}

/// Why a node is not run as tuned, or nothing. Results may come from another version of the
/// library, or from somebody's editor.
std::string refusal_of_tuned(const Candidate& tuned, const Algorithm* algorithm,
                             const Lowering& lowering) {
  if (!algorithm) return "there is no such algorithm";
  if (std::string reason = refusal(*algorithm, lowering); !reason.empty()) return reason;
  const std::vector<Parameters> known = parameters_of(*algorithm, lowering);
  return std::find(known.begin(), known.end(), tuned.parameters) == known.end()
             ? "these parameters are no candidate"
             : "";
}

}  // namespace

const LoweringTable::Op* LoweringTable::find(const Lowering& lowering) const {
  if (lowering.node().op->custom) return &custom_;
  const auto op = ops_.find(lowering.node().op->name);
  return op == ops_.end() ? nullptr : &op->second;
}

LoweringTable::Choice LoweringTable::choose(Lowering& lowering, NodeId node,
                                            const Tuning& tuning) const {
  lowering.begin(node, true);
  const Op* const op = find(lowering);
  std::vector<Refusal> refused;
  if (op && !op->has_preference && !tuning.empty()) {
    const auto tuned = tuning.find(tuning_key(lowering.graph(), lowering.node()));
    if (tuned != tuning.end()) {
      const Candidate& candidate = tuned->second.candidate;
      const auto algorithm =
          std::find_if(op->algorithms.begin(), op->algorithms.end(),
                       [&](const Algorithm& a) { return a.name == candidate.algorithm; });
      const Algorithm* const found = algorithm == op->algorithms.end() ? nullptr : &*algorithm;
      Attempt attempt{refusal_of_tuned(candidate, found, lowering)};
      if (attempt.refusal.empty()) attempt = measure(lowering, node, *found, candidate.parameters);
      if (attempt.refusal.empty())
        return {found,
                candidate.parameters,
                candidate.parameters.empty()
                    ? "tuned"
                    : fmt::format("tuned: {}", to_string(candidate.parameters)),
                {},
                std::move(attempt.pieces)};
      refused.push_back({"tuned " + to_string(candidate), std::move(attempt.refusal)});
    }
  }
  if (op)
    for (const Algorithm& algorithm : op->algorithms) {
      const bool is_preferred = op->has_preference && &algorithm == &op->algorithms.front();
      lowering.begin(node, true);
      Attempt attempt{refusal(algorithm, lowering)};
      if (attempt.refusal.empty() && !is_preferred) attempt.refusal = doubt(algorithm, lowering);
      if (attempt.refusal.empty()) attempt = measure(lowering, node, algorithm, {});
      if (attempt.refusal.empty())
        return {&algorithm, {}, {}, std::move(refused), std::move(attempt.pieces)};
      refused.push_back({std::string(algorithm.name), std::move(attempt.refusal)});
    }
  std::string why;
  for (const Refusal& r : refused) why += fmt::format(" ({} refused: {})", r.algorithm, r.reason);
  throw Error(std::string(lowering.node().op->name),
              fmt::format("no algorithm for OpenCL{} (node '{}')", why, lowering.node().name));
}

std::vector<Candidate> LoweringTable::candidates(Lowering& lowering, NodeId node) const {
  std::vector<Candidate> all;
  lowering.begin(node, true);
  const Op* const op = find(lowering);
  if (!op) return all;
  for (bool doubted : {false, true})  // the first is the one taken without tuning
    for (const Algorithm& algorithm : op->algorithms) {
      lowering.begin(node, true);
      if (!refusal(algorithm, lowering).empty() || doubt(algorithm, lowering).empty() == doubted)
        continue;
      for (Parameters& parameters : parameters_of(algorithm, lowering))
        if (measure(lowering, node, algorithm, parameters).refusal.empty())
          all.push_back({std::string(algorithm.name), std::move(parameters)});
    }
  return all;
}

}  // namespace tessera::opencl
