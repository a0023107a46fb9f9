#include "tests/passes/step.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "engine/base/philox.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera::tests {
namespace {

/// Of the largest element of the same tensor: norms over a few elements magnify rounding.
constexpr double tolerance = 2e-3;

std::vector<Var> parameters(Graph& graph) {
  std::vector<Var> found;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      found.emplace_back(graph, static_cast<ValueId>(i));
  return found;
}

/// One of a few optimizers, so that steps of the same kind are not all side by side. An eps of 1
/// keeps gradients that are nothing but rounding from becoming whole steps.
Var update(Var w, Var dw, Var lr, Philox& random) {
  Graph& graph = w.graph();
  const std::string name = graph.value(w.id()).name;
  const auto state = [&](const char* suffix) { return graph.state(name + suffix, w.spec()); };
  const double decay = random.below(2) == 0 ? 0 : 0.01;
  switch (random.below(4)) {
    case 0:
      return adam_step(w, dw, state(".m"), state(".v"), lr, step_counter(graph),
                       {.eps = 1, .weight_decay = decay});
    case 1:
      return rmsprop_step(w, dw, state(".v"), state(".u"), lr, {.eps = 1, .weight_decay = decay});
    case 2:
      return adagrad_step(w, dw, state(".s"), lr, {.eps = 1, .weight_decay = decay});
    default:
      return sgd_step(w, dw, state(".v"), lr, {.momentum = 0.9, .weight_decay = decay});
  }
}

void append_updates(Graph& graph, const std::vector<Var>& weights, const std::vector<Var>& dw,
                    std::uint64_t seed) {
  Philox random(seed, "updates");
  const Var fast = graph.constant({1}, 0.1), slow = graph.constant({1}, 0.01);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Var updated = update(weights[i], dw[i], random.below(4) == 0 ? slow : fast, random);
    if (random.below(3) == 0)  // between the updates
      blend(graph.state(graph.value(weights[i].id()).name + ".ema", updated.spec()), updated, slow);
  }
}

Var total_of(const std::vector<Var>& losses) {
  Var total = losses[0];
  for (std::size_t i = 1; i < losses.size(); ++i) total = add(total, losses[i]);
  return total;
}

void fill_inputs(Executable& executable, const Graph& graph, const Plan& plan) {
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.values()[i];
    if (value.role != Role::input || !plan.placement(static_cast<ValueId>(i)).used) continue;
    Philox random(1, value.name);
    const auto count = static_cast<std::size_t>(value.spec.elements());
    std::vector<float> floats(count);
    std::vector<std::int32_t> labels(count);
    for (float& x : floats) x = 2 * random.uniform() - 1;
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(2));
    executable.set_input(value.name, value.spec.dtype == DType::f32
                                         ? std::as_bytes(std::span(floats))
                                         : std::as_bytes(std::span(labels)));
  }
}

}  // namespace

Graph make_step(const Build& build, Mode mode, std::uint64_t seed, const Passes& passes) {
  Graph graph(mode, seed);
  const Net net = build(graph);
  for (std::size_t i = 0; i < net.losses.size(); ++i)
    graph.set_output(fmt::format("loss{}", i), net.losses[i]);
  for (const auto& [name, value] : net.outputs) graph.set_output(name, value);
  const Var total = total_of(net.losses);
  graph.set_output("total", total);
  for (const Pass pass : passes.forward) pass(graph);
  if (mode == Mode::training) {
    const std::vector<Var> weights = parameters(graph);
    const std::vector<Var> dw = gradients(total, weights);
    for (std::size_t i = 0; i < dw.size(); ++i)
      if (i % 3 == 0)
        graph.set_output(fmt::format("d{}", graph.value(weights[i].id()).name), dw[i]);
    append_updates(graph, weights, dw, seed);
    remove_dead_nodes(graph);
  }
  for (const Pass pass : passes.whole) pass(graph);
  return graph;
}

std::map<std::string, std::vector<float>> run_twice(Device& device, const Graph& graph) {
  const Plan plan(graph, device.plan_options());
  Params params(device);
  params.add(graph, 1);
  const auto executable = device.compile(plan, params);
  std::map<std::string, std::vector<float>> found;
  for (int run = 0; run < 2; ++run) {
    fill_inputs(*executable, graph, plan);
    executable->run();
    const Results results = read_outputs(*executable, graph);
    for (std::size_t i = 0; i < results.size(); ++i)
      found[fmt::format("{} of run {}", graph.outputs()[i].name, run)] = results[i];
  }
  for (const Value& value : graph.values())
    if ((value.role == Role::parameter || value.role == Role::state) &&
        value.spec.dtype == DType::f32)
      found[value.name] = params.read_floats(value.name);
  return found;
}

std::vector<Passes> pass_sets(Mode mode) {
  if (mode == Mode::inference)
    return {{"no pass"},
            {"fold_norms", {fold_norms}},
            {"fuse", {fuse}},
            {"join_chains", {}, {join_chains}},
            {"fuse before fold_norms", {fuse, fold_norms}},
            {"all", {fold_norms, fuse}, {join_chains}}};
  return {{"no pass"},
          {"fuse", {fuse}},
          {"join_losses", {}, {join_losses}},
          {"join_slices", {}, {join_slices}},
          {"join_chains", {}, {join_chains}},
          {"join_updates", {}, {join_updates}},
          {"all", {fuse}, {join_losses, join_slices, join_chains, join_updates}}};
}

namespace {

double largest_of(const std::vector<float>& numbers) {
  double largest = 0;
  for (const float x : numbers) largest = std::max(largest, static_cast<double>(std::abs(x)));
  return largest;
}

void compare(const std::map<std::string, std::vector<float>>& found,
             const std::map<std::string, std::vector<float>>& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& entry : expected) {
    const std::string& name = entry.first;
    const std::vector<float>& numbers = entry.second;
    const std::vector<float>& others = found.at(name);
    REQUIRE(others.size() == numbers.size());
    // What is nothing but rounding errors has no size of its own.
    const double allowed = tolerance * std::max(largest_of(numbers), 1e-2);
    double worst = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const double difference = std::abs(static_cast<double>(numbers[i]) - others[i]);
      worst = difference <= worst ? worst : difference;  // NaN stays
    }
    INFO("'", name, "', the largest is ", largest_of(numbers));
    CHECK(worst <= allowed);
  }
}

}  // namespace

std::set<std::string> check_passes(const std::vector<std::unique_ptr<Device>>& devices,
                                   const Build& build, Mode mode, std::uint64_t seed) {
  const std::vector<Passes> sets = pass_sets(mode);
  const auto reference = open_device("cpu");
  const Graph plain = make_step(build, mode, seed, sets[0]);
  const auto expected = run_twice(*reference, plain);
  std::set<std::string> changed;
  for (const Passes& passes : sets) {
    INFO("seed ", seed, ", ", std::string(mode == Mode::training ? "training" : "inference"), ", ",
         passes.name);
    Graph graph(mode);
    REQUIRE_NOTHROW(graph = make_step(build, mode, seed, passes));
    if (ops_of(graph) != ops_of(plain)) changed.insert(passes.name);
    for (const auto& device : devices) {
      // Programs for an OpenCL device take a while to be built.
      if (device->info().id != "cpu" && passes.name != "all") continue;
      INFO("device ", device->info().id);
      compare(run_twice(*device, graph), expected);
    }
  }
  return changed;
}

}  // namespace tessera::tests
