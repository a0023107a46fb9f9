#include "tessera/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/base/checked_size.h"
#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera {
namespace {

constexpr int before_all = -1;
constexpr int after_all = std::numeric_limits<int>::max();

struct Lifetime {
  int first = after_all;
  int last = before_all;
  void touch(int step) {
    first = std::min(first, step);
    last = std::max(last, step);
  }
  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
};

struct Block {
  ValueId value;
  std::size_t bytes;  ///< with guard, rounded up to the alignment
  Lifetime lifetime;
  std::size_t offset = 0;
};

constexpr const char* arena = "the memory of the plan";

/// The lowest offset at which `block` fits between the placed blocks alive at the same time.
std::size_t lowest_offset(const Block& block, std::vector<Block>& placed) {
  std::sort(placed.begin(), placed.end(),
            [](const Block& a, const Block& b) { return a.offset < b.offset; });
  std::size_t offset = 0;
  for (const Block& other : placed) {
    if (!block.lifetime.overlaps(other.lifetime)) continue;
    if (checked_add(offset, block.bytes, arena) <= other.offset) break;
    offset = std::max(offset, checked_add(other.offset, other.bytes, arena));
  }
  return offset;
}

}  // namespace

Plan::Plan(Graph graph, const PlanOptions& options) : graph_(std::move(graph)), options_(options) {
  find_fixed();
  resolve_roots();
  place_arena();
}

std::string_view Plan::idle(NodeId id) const {
  const Node& node = graph_.node(id);
  if (node.op->is_view) return "view";
  const bool gives_nothing =
      std::all_of(node.outputs.begin(), node.outputs.end(),
                  [&](ValueId value) { return graph_.value(value).spec.elements() == 0; });
  return gives_nothing ? "nothing to compute" : "";
}

const Placement& Plan::placement(ValueId value) const {
  return placements_.at(static_cast<std::size_t>(value));
}

void Plan::find_fixed() {
  fixed_.assign(graph_.values().size(), false);
  for (const Node& node : graph_.nodes())
    updates_ = updates_ || !updates_of(*node.op, node.outputs.size()).empty();
  if (updates_) return;
  for (std::size_t i = 0; i < fixed_.size(); ++i) {
    const Role role = graph_.values()[i].role;
    fixed_[i] = role == Role::parameter || role == Role::state || role == Role::constant;
  }
  for (const Node& node : graph_.nodes())
    if (!node.inputs.empty() && std::all_of(node.inputs.begin(), node.inputs.end(),
                                            [&](ValueId input) { return is_fixed(input); }))
      for (ValueId output : node.outputs) fixed_[static_cast<std::size_t>(output)] = true;
}

void Plan::resolve_roots() {
  const auto& values = graph_.values();
  placements_.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) placements_[i].root = static_cast<ValueId>(i);
  // By root: the last node that updated it. By value: the update of its root that it has seen; a
  // parameter, or a view of one, has seen none.
  std::vector<NodeId> updated_by(values.size(), no_node), seen(values.size(), no_node);
  for (std::size_t step = 0; step < graph_.nodes().size(); ++step) {
    const Node& node = graph_.nodes()[step];
    for (ValueId input : node.inputs) {
      const ValueId root = placement(input).root;
      const NodeId update = updated_by[static_cast<std::size_t>(root)];
      if (update != seen[static_cast<std::size_t>(input)])
        throw Error("plan",
                    fmt::format("node '{}' reads '{}' after node '{}' has updated it", node.name,
                                graph_.value(root).name, graph_.node(update).name));
    }
    if (node.op->is_view) {
      const auto output = static_cast<std::size_t>(node.outputs[0]);
      placements_[output].root = placement(node.inputs[0]).root;
      seen[output] = seen[static_cast<std::size_t>(node.inputs[0])];
    }
    for (const Alias& alias : updates_of(*node.op, node.outputs.size())) {
      const auto output =
          static_cast<std::size_t>(node.outputs.at(static_cast<std::size_t>(alias.output)));
      const ValueId root = placement(node.inputs.at(static_cast<std::size_t>(alias.input))).root;
      placements_[output].root = root;
      seen[output] = updated_by[static_cast<std::size_t>(root)] = static_cast<NodeId>(step);
    }
    for (ValueId id : node.inputs) placements_[static_cast<std::size_t>(id)].used = true;
    for (ValueId id : node.outputs) placements_[static_cast<std::size_t>(id)].used = true;
  }
  for (const auto& output : graph_.outputs())
    placements_[static_cast<std::size_t>(output.value)].used = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Placement& place = placements_[i];
    if (place.used) placements_[static_cast<std::size_t>(place.root)].used = true;
    const Role role = graph_.value(place.root).role;
    place.in_arena = role == Role::activation || role == Role::input;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!placements_[i].used) continue;
    if (values[i].role == Role::parameter || values[i].role == Role::state)
      persistent_.push_back(static_cast<ValueId>(i));
    if (values[i].role == Role::constant) constants_.push_back(static_cast<ValueId>(i));
  }
}

// Greedy by size: the largest value first, each at the lowest offset free during its life.
void Plan::place_arena() {
  std::vector<Lifetime> lifetimes(placements_.size());
  const auto touch = [&](ValueId value, int step) {
    lifetimes[static_cast<std::size_t>(placement(value).root)].touch(step);
  };
  for (std::size_t step = 0; step < graph_.nodes().size(); ++step) {
    for (ValueId id : graph_.nodes()[step].inputs) touch(id, static_cast<int>(step));
    for (ValueId id : graph_.nodes()[step].outputs) touch(id, static_cast<int>(step));
  }
  for (const auto& output : graph_.outputs()) touch(output.value, after_all - 1);

  std::vector<Block> blocks;
  for (std::size_t i = 0; i < placements_.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const Placement& place = placements_[i];
    if (!place.in_arena || place.root != id || !place.used) continue;
    Lifetime life = lifetimes[i];
    // An input is written before a run starts, possibly while the one before is still going on;
    // what is fixed stays.
    if (graph_.value(id).role == Role::input || is_fixed(id) || !options_.reuse_memory)
      life = {before_all, after_all - 1};
    const std::size_t bytes = std::max<std::size_t>(graph_.value(id).spec.bytes(), 1);
    const std::size_t guarded = checked_add(bytes, options_.guard_bytes, arena);
    blocks.push_back({id, checked_round_up(guarded, options_.alignment, arena), life, 0});
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  std::vector<Block> placed;
  for (Block& block : blocks) {
    block.offset = lowest_offset(block, placed);
    arena_bytes_ = std::max(arena_bytes_, checked_add(block.offset, block.bytes, arena));
    placements_[static_cast<std::size_t>(block.value)].offset = block.offset;
    placed.push_back(block);
  }
  for (Placement& place : placements_)
    place.offset = placements_[static_cast<std::size_t>(place.root)].offset;
}

}  // namespace tessera
