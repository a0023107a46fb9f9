// Plans: where values lie. The main test labels each byte of the arenas with the value written
// there last and follows random graphs through it.
#include "tessera/plan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/base/philox.h"
#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

/// Runs a plan on labels instead of numbers.
class LabeledArenas {
 public:
  explicit LabeledArenas(const Plan& plan) : plan_(plan) {
    for (std::size_t size : plan.arenas()) labels_.emplace_back(size, -1);
  }

  void write(ValueId id) {
    const Placement& place = plan_.placement(id);
    if (!place.in_arena) return;
    REQUIRE(place.offset % plan_.options().alignment == 0);
    REQUIRE(place.offset + bytes(place.root) <= labels_.at(place.arena).size());
    const auto from = labels_[place.arena].begin() + static_cast<std::ptrdiff_t>(place.offset);
    std::fill_n(from, bytes(place.root), place.root);
  }
  bool holds(ValueId id) const {
    const Placement& place = plan_.placement(id);
    if (!place.in_arena) return true;
    const auto from = labels_.at(place.arena).begin() + static_cast<std::ptrdiff_t>(place.offset);
    return std::all_of(from, from + static_cast<std::ptrdiff_t>(bytes(place.root)),
                       [&](ValueId label) { return label == place.root; });
  }

 private:
  std::size_t bytes(ValueId root) const {
    return plan_.graph().value(root).spec.bytes() + plan_.options().guard_bytes;
  }
  const Plan& plan_;
  std::vector<std::vector<ValueId>> labels_;
};

void check_by_running(const Plan& plan) {
  LabeledArenas arenas(plan);
  const Graph& graph = plan.graph();
  const auto check_inputs = [&] {
    for (std::size_t i = 0; i < graph.values().size(); ++i)
      if (graph.values()[i].role == Role::input && plan.placement(static_cast<ValueId>(i)).used)
        CHECK(arenas.holds(static_cast<ValueId>(i)));
  };
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::input && plan.placement(static_cast<ValueId>(i)).used)
      arenas.write(static_cast<ValueId>(i));
  for (const Node& node : graph.nodes()) {
    for (ValueId id : node.inputs) CHECK(arenas.holds(id));
    if (!node.op->is_view)
      for (ValueId id : node.outputs) arenas.write(id);
    // A kernel may write an output before it has read all of its inputs.
    for (ValueId id : node.inputs) CHECK(arenas.holds(id));
    for (ValueId id : node.outputs) CHECK(arenas.holds(id));
  }
  check_inputs();  // the next ones may be written while this run still goes on
  for (const auto& output : graph.outputs()) CHECK(arenas.holds(output.value));
}

/// Twenty nodes of all kinds over values of many sizes.
Graph random_graph(std::uint64_t seed) {
  Philox random(seed, "plan");
  Graph graph;
  std::vector<Var> values;
  for (int i = 0; i < 3; ++i)
    values.push_back(graph.input(fmt::format("x{}", i),
                                 {DType::f32, {1 + random.below(40), 1 + random.below(9)}}));
  const Var w = graph.parameter("w", {7}, {});
  values.push_back(w);
  const auto any = [&] { return values[random.below(static_cast<std::uint32_t>(values.size()))]; };
  for (int i = 0; i < 20; ++i) {
    const Var x = any();
    switch (random.below(5)) {
      case 0:
        values.push_back(relu(x));
        break;
      case 1:
        values.push_back(reshape(x, {x.spec().elements()}));
        break;
      case 2:
        values.push_back(sum(x, {0}, {.keepdim = true}));
        break;
      case 3:
        values.push_back(add(x, sum(x, {-1}, {.keepdim = true})));
        break;
      default: {
        const auto pool = graph.add("max_pool2d", {reshape(x, {1, x.spec().elements(), 1, 1})},
                                    {{"kernel", std::vector<std::int64_t>{1, 1}},
                                     {"stride", std::vector<std::int64_t>{1, 1}},
                                     {"padding", std::vector<std::int64_t>{0, 0}},
                                     {"ceil_mode", std::int64_t{0}}});
        values.push_back(pool[0]);  // the index is an output that nobody reads
      }
    }
    if (random.below(6) == 0) graph.set_output(fmt::format("y{}", i), values.back());
  }
  graph.set_output("last", values.back());
  return graph;
}

/// w is updated from its gradient, a plain sum here.
struct Update {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {3}});
  Var w = graph.parameter("w", {3}, {});
  Var v = graph.state("v", {DType::f32, {3}});
  Var lr = graph.input("lr", {DType::f32, {1}});
  void update() { sgd_step(w, x, v, lr, {.momentum = 0.9}, "update"); }
};

}  // namespace

TEST_CASE("no value is overwritten while it is needed") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = random_graph(seed);
    for (std::size_t alignment : {std::size_t{4}, std::size_t{256}})
      for (std::size_t guard : {std::size_t{0}, std::size_t{64}}) {
        INFO("seed ", seed, ", alignment ", alignment, ", guard ", guard);
        check_by_running(Plan(graph, {.alignment = alignment, .guard_bytes = guard}));
      }
    check_by_running(Plan(graph, {.reuse_memory = false}));
  }
}

/// The bytes of the largest value with its guard.
std::size_t largest_value(const Graph& graph, std::size_t guard) {
  std::size_t largest = 0;
  for (const Value& value : graph.values()) largest = std::max(largest, value.spec.bytes());
  return largest + guard;
}

/// Whether values lie in the same arenas at the same offsets.
bool same_places(const Plan& a, const Plan& b) {
  for (std::size_t i = 0; i < a.graph().values().size(); ++i) {
    const Placement &x = a.placement(static_cast<ValueId>(i)),
                    &y = b.placement(static_cast<ValueId>(i));
    if (x.arena != y.arena || x.offset != y.offset) return false;
  }
  return true;
}

TEST_CASE("no arena is larger than allowed, and no value is overwritten while it is needed") {
  std::size_t most = 0;  // arenas of a plan
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = random_graph(seed);
    for (std::size_t alignment : {std::size_t{4}, std::size_t{256}})
      for (std::size_t guard : {std::size_t{0}, std::size_t{64}})
        for (bool reuse_memory : {false, true}) {
          INFO("seed ", seed, ", alignment ", alignment, ", guard ", guard);
          const std::size_t largest = largest_value(graph, guard);
          for (std::size_t limit : {largest, largest + 1, 2 * largest}) {
            const Plan plan(graph, {.alignment = alignment,
                                    .guard_bytes = guard,
                                    .reuse_memory = reuse_memory,
                                    .largest_arena = limit});
            for (std::size_t bytes : plan.arenas()) CHECK(bytes <= limit);
            check_by_running(plan);
            most = std::max(most, plan.arenas().size());
          }
        }
  }
  CHECK(most >= 5);
}

TEST_CASE("what fits into one arena lies as it does without a limit") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = random_graph(seed);
    const Plan whole(graph);
    REQUIRE(whole.arenas().size() == 1);
    const Plan plan(graph, {.largest_arena = whole.arena_bytes()});
    CHECK(plan.arenas() == whole.arenas());
    CHECK(same_places(plan, whole));
    const Plan halved(graph, {.largest_arena = whole.arena_bytes() - 256});
    CHECK(halved.arenas().size() > 1);
    CHECK_FALSE(same_places(halved, whole));
  }
}

TEST_CASE("a value that is larger than an arena may be is named") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3, 1 << 20}});
  graph.set_output("y", relu(x, "r"));
  const std::size_t bytes = std::size_t{12} << 20;
  CHECK(Plan(graph, {.largest_arena = bytes}).arenas() == std::vector<std::size_t>{bytes, bytes});
  CHECK_THROWS_WITH_AS(Plan(graph, {.largest_arena = bytes - 4}),
                       "[plan] value 'x' f32[3,1048576] needs an allocation of 12.0 MiB "
                       "(12582912 bytes); the device allows 12.0 MiB (12582908 bytes)",
                       Error);
  Graph constant;
  constant.set_output("y", sum(constant.constant({1 << 20}, 1), {0}));
  CHECK_NOTHROW(Plan(constant, {.largest_arena = 1 << 22}));
  CHECK_THROWS_WITH_AS(Plan(constant, {.largest_arena = 1 << 21}),
                       doctest::Contains("needs an allocation of 4.0 MiB"), Error);
}

TEST_CASE("a plan without values in arenas has no arena") {
  Graph graph;
  graph.set_output("w", graph.parameter("w", {3}, {}));
  CHECK(Plan(graph).arenas().empty());
  CHECK(Plan(graph).arena_bytes() == 0);
}

TEST_CASE("a chain needs two buffers, not one for each node") {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {1024}});
  for (int i = 0; i < 10; ++i) x = relu(x);
  graph.set_output("y", x);
  const std::size_t bytes = 4096;
  CHECK(Plan(graph).arena_bytes() == 3 * bytes);  // the input keeps its own
  CHECK(Plan(graph, {.reuse_memory = false}).arena_bytes() == 11 * bytes);
}

TEST_CASE("without reuse all values lie apart, and guards come on top") {
  const Graph graph = random_graph(7);
  const Plan plan(graph, {.alignment = 4, .guard_bytes = 16, .reuse_memory = false});
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Placement& place = plan.placement(static_cast<ValueId>(i));
    if (place.in_arena && place.used && at(place.root) == i)
      ranges.emplace_back(place.offset, place.offset + graph.values()[i].spec.bytes());
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    CHECK(ranges[i].first >= ranges[i - 1].second + 16);
}

TEST_CASE("a view lies where its source lies") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 3}});
  const Var y = relu(x);
  const Var z = reshape(reshape(y, {6}), {3, 2});
  graph.set_output("z", z);
  const Plan plan(graph);
  CHECK(plan.placement(z.id()).root == y.id());
  CHECK(plan.placement(z.id()).offset == plan.placement(y.id()).offset);
}

TEST_CASE("a view keeps its source alive") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {64}});
  const Var early = reshape(relu(x), {8, 8});
  Var chain = x;
  for (int i = 0; i < 5; ++i) chain = relu(chain);
  graph.set_output("y", add(early, reshape(chain, {8, 8})));
  check_by_running(Plan(graph));
}

TEST_CASE("parameters, states and constants stay out of the arena") {
  Update u;
  u.graph.parameter("never used", {5}, {});
  const Var c = u.graph.constant({3}, 2.0);
  u.graph.set_output("y", add(add(u.w, c), u.x));
  u.update();
  const Plan plan(u.graph);
  CHECK(plan.persistent() == std::vector<ValueId>{u.w.id(), u.v.id()});
  CHECK(plan.constants() == std::vector<ValueId>{c.id()});
  CHECK_FALSE(plan.placement(u.w.id()).in_arena);
  CHECK_FALSE(plan.placement(c.id()).in_arena);
  const ValueId updated = u.graph.nodes().back().outputs[0];
  CHECK(plan.placement(updated).root == u.w.id());
  CHECK_FALSE(plan.placement(updated).in_arena);
}

TEST_CASE("reading a parameter after its update is refused") {
  const char* const message = "[plan] node 'late' reads 'w' after node 'update' has updated it";
  Update u;
  relu(u.w, "early");
  u.update();
  CHECK_NOTHROW(Plan{u.graph});
  relu(u.w, "late");
  CHECK_THROWS_WITH_AS(Plan{u.graph}, message, Error);

  Update twice;
  twice.update();
  sgd_step(twice.w, twice.x, twice.v, twice.lr, {.momentum = 0.9}, "late");
  CHECK_THROWS_WITH_AS(Plan{twice.graph}, message, Error);

  Update through_view;
  const Var view = reshape(through_view.w, {3, 1});
  through_view.update();
  relu(view, "late");
  CHECK_THROWS_AS(Plan{through_view.graph}, Error);
}

TEST_CASE("the result of an update may be read") {
  Update u;
  u.update();
  const Var updated(u.graph, u.graph.nodes().back().outputs[0]);
  u.graph.set_output("y", relu(reshape(updated, {3, 1})));
  CHECK_NOTHROW(Plan{u.graph});
}

}  // namespace tessera
