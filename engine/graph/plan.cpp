#include "tessera/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/base/checked_size.h"
#include "engine/base/size_text.h"
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
  std::size_t needed;  ///< bytes with guard
  std::size_t bytes;   ///< the same, rounded up to the alignment
  Lifetime lifetime;
  std::size_t offset = 0;
};

constexpr const char* memory = "the memory of the plan";

/// Returns the lowest offset at which `block` fits between the blocks of an arena that are live at
/// the same time.
std::size_t lowest_offset(const Block& block, std::vector<Block>& placed) {
  std::sort(placed.begin(), placed.end(),
            [](const Block& a, const Block& b) { return a.offset < b.offset; });
  std::size_t offset = 0;
  for (const Block& other : placed) {
    if (!block.lifetime.overlaps(other.lifetime)) continue;
    if (checked_add(offset, block.bytes, memory) <= other.offset) break;
    offset = std::max(offset, checked_add(other.offset, other.bytes, memory));
  }
  return offset;
}

/// Throws Error if a value needs a larger allocation than the device allows.
void check_size(const Value& value, std::size_t needed, std::size_t largest) {
  if (needed > largest)
    throw OutOfMemory(
        "plan",
        fmt::format("value '{}' {} needs an allocation of {}; the device allows {}", value.name,
                    to_string(value.spec), mebibytes(needed), mebibytes(largest)));
}

}  // namespace

Plan::Plan(Graph graph, const PlanOptions& options) : graph_(std::move(graph)), options_(options) {
  find_fixed();
  resolve_roots();
  place_arenas();
}

std::string_view Plan::idle(NodeId id) const {
  const Node& node = graph_.node(id);
  if (node.op->is_view) return "view";
  const bool gives_nothing =
      std::all_of(node.outputs.begin(), node.outputs.end(),
                  [&](ValueId value) { return graph_.value(value).spec.elements() == 0; });
  return gives_nothing ? "nothing to compute" : "";
}

std::size_t Plan::arena_bytes() const {
  std::size_t all = 0;
  for (std::size_t bytes : arenas_) all = checked_add(all, bytes, memory);
  return all;
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
  // By root: the last node that updated it. By value: the last update of its root before it; none
  // for a parameter or a view of one.
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

// Greedy by size: places the largest value first, each in the first arena with room, at the lowest
// offset that is free during its lifetime. If all values fit in one arena, the offsets are the same
// as without a limit.
void Plan::place_arenas() {
  std::vector<Lifetime> lifetimes(placements_.size());
  const auto touch = [&](ValueId value, int step) {
    lifetimes[static_cast<std::size_t>(placement(value).root)].touch(step);
  };
  for (std::size_t step = 0; step < graph_.nodes().size(); ++step) {
    for (ValueId id : graph_.nodes()[step].inputs) touch(id, static_cast<int>(step));
    for (ValueId id : graph_.nodes()[step].outputs) touch(id, static_cast<int>(step));
  }
  for (const auto& output : graph_.outputs()) touch(output.value, after_all - 1);

  for (ValueId id : constants_)
    check_size(graph_.value(id), graph_.value(id).spec.bytes(), options_.largest_arena);
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < placements_.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const Placement& place = placements_[i];
    if (!place.in_arena || place.root != id || !place.used) continue;
    Lifetime life = lifetimes[i];
    // An input is written before a run starts, possibly during the previous run; fixed values stay.
    if (graph_.value(id).role == Role::input || is_fixed(id) || !options_.reuse_memory)
      life = {before_all, after_all - 1};
    const std::size_t bytes = std::max<std::size_t>(graph_.value(id).spec.bytes(), 1);
    const std::size_t guarded = checked_add(bytes, options_.guard_bytes, memory);
    blocks.push_back({id, guarded, checked_round_up(guarded, options_.alignment, memory), life, 0});
    check_size(graph_.value(id), guarded, options_.largest_arena);
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  std::vector<std::vector<Block>> placed;  // by arena
  for (Block& block : blocks) {
    std::size_t arena = 0;
    for (; arena < placed.size(); ++arena) {
      block.offset = lowest_offset(block, placed[arena]);
      if (checked_add(block.offset, block.needed, memory) <= options_.largest_arena) break;
    }
    if (arena == placed.size()) {
      block.offset = 0;
      placed.emplace_back();
      arenas_.push_back(0);
    }
    const std::size_t end = checked_add(block.offset, block.bytes, memory);
    arenas_[arena] = std::max(arenas_[arena], std::min(end, options_.largest_arena));
    Placement& place = placements_[static_cast<std::size_t>(block.value)];
    place.arena = arena;
    place.offset = block.offset;
    placed[arena].push_back(block);
  }
  for (Placement& place : placements_) {
    const Placement& root = placements_[static_cast<std::size_t>(place.root)];
    place.arena = root.arena;
    place.offset = root.offset;
  }
}

}  // namespace tessera
