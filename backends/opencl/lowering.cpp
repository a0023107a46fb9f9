#include "backends/opencl/lowering.h"

#include <algorithm>
#include <limits>

namespace tessera::opencl {

void Lowering::begin(NodeId node, bool measuring, Parameters parameters) {
  node_ = node;
  measuring_ = measuring;
  parameters_ = std::move(parameters);
  workspace_used_ = 0;
}

std::int64_t Lowering::parameter(std::string_view name, std::int64_t untuned) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? untuned : found->second;
}

void Lowering::set_memory(const Buffers* buffers, cl::Buffer workspace, cl::Buffer prepared) {
  buffers_ = buffers;
  workspace_ = std::move(workspace);
  prepared_ = std::move(prepared);
  prepared_used_ = 0;
}

Lowering::Preparation::Preparation(Lowering& l, std::initializer_list<std::size_t> inputs) : l_(l) {
  l.preparing_ = std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) {
    return l.plan_.is_fixed(l.node().inputs.at(i));
  });
}

Storage Lowering::storage(ValueId value) const {
  return measuring_ ? Storage() : buffers_->at(value);
}

cl::Buffer Lowering::workspace(std::size_t bytes) {
  const std::size_t alignment = traits().base_alignment;
  std::size_t& used = preparing_ ? prepared_used_ : workspace_used_;
  std::size_t& most = preparing_ ? prepared_bytes_ : workspace_bytes_;
  const std::size_t offset = used;
  bytes = std::max<std::size_t>(bytes, 1);
  constexpr const char* what = "the memory of a kernel";
  used = checked_add(used, checked_round_up(bytes, alignment, what), what);
  most = std::max(most, used);
  if (measuring_) return {};
  kept_.push_back(sub_buffer(preparing_ ? prepared_ : workspace_, offset, bytes));
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
    throw Error(std::string(node().op->name),
                fmt::format("a size or offset is {}, expected at most {} (node '{}')", value,
                            std::numeric_limits<cl_int>::max(), node().name));
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

std::string doubt(const Algorithm& algorithm, const Lowering& lowering) {
  return algorithm.doubt ? algorithm.doubt(lowering) : "";
}

/// Why a node is not run as tuned, or nothing. Results may come from another version of the
/// library, or from somebody's editor.
std::string refusal(const Candidate& tuned, const Algorithm* algorithm, const Lowering& lowering) {
  if (!algorithm) return "there is no such algorithm";
  if (const std::string reason = algorithm->refusal(lowering); !reason.empty()) return reason;
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

LoweringTable::Choice LoweringTable::choose(const Lowering& lowering, const Tuning& tuning) const {
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
      std::string reason = refusal(candidate, found, lowering);
      if (reason.empty())
        return {found,
                candidate.parameters,
                candidate.parameters.empty()
                    ? "tuned"
                    : fmt::format("tuned: {}", to_string(candidate.parameters)),
                {}};
      refused.push_back({"tuned " + to_string(candidate), std::move(reason)});
    }
  }
  if (op)
    for (const Algorithm& algorithm : op->algorithms) {
      const bool is_preferred = op->has_preference && &algorithm == &op->algorithms.front();
      std::string reason = algorithm.refusal(lowering);
      if (reason.empty() && !is_preferred) reason = doubt(algorithm, lowering);
      if (reason.empty()) return {&algorithm, {}, {}, std::move(refused)};
      refused.push_back({std::string(algorithm.name), std::move(reason)});
    }
  std::string why;
  for (const Refusal& r : refused) why += fmt::format(" ({} refused: {})", r.algorithm, r.reason);
  throw Error(std::string(lowering.node().op->name),
              fmt::format("no algorithm for OpenCL{} (node '{}')", why, lowering.node().name));
}

std::vector<Candidate> LoweringTable::candidates(const Lowering& lowering) const {
  std::vector<Candidate> all;
  const Op* const op = find(lowering);
  if (!op) return all;
  for (bool doubted : {false, true})  // the first is the one taken without tuning
    for (const Algorithm& algorithm : op->algorithms)
      if (algorithm.refusal(lowering).empty() && doubt(algorithm, lowering).empty() != doubted)
        for (Parameters& parameters : parameters_of(algorithm, lowering))
          all.push_back({std::string(algorithm.name), std::move(parameters)});
  return all;
}

}  // namespace tessera::opencl
