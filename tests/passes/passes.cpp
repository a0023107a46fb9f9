// Graphs compute the same whatever passes are run over them: random ones, and those by name that
// passes got wrong. TESSERA_PASSES_SEEDS=FIRST-LAST runs other random graphs than those of CI.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "tessera/error.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"
#include "tests/devices.h"
#include "tests/passes/random_net.h"

namespace tessera::tests {
namespace {

/// The loss of a result, so that gradients reach all that it is made of.
Net net_of(Var y) { return {{mean(square(y))}, {{"y", y}}}; }

Var weight(Graph& graph, const char* name, Shape shape) {
  return graph.parameter(name, std::move(shape), init::normal(0, 0.5));
}

/// W x + B A x: both addends are matrix products.
Net lora(Graph& graph) {
  const Var x = graph.input("x", {DType::f32, {5, 6}});
  const Var low = dense(x, weight(graph, "A", {2, 6}));
  const Var up = dense(low, weight(graph, "B", {4, 2}));
  const Var whole = dense(x, weight(graph, "W", {4, 6}), weight(graph, "bias", {4}));
  return net_of(add(up, whole));
}

/// sigmoid(mlp(mean) + mlp(max)) * x with shared weights.
Net cbam(Graph& graph) {
  const Var x = graph.input("x", {DType::f32, {2, 4, 4, 6}});
  const Var down = weight(graph, "down", {3, 1, 1, 6}), up = weight(graph, "up", {6, 1, 1, 3});
  const auto mlp = [&](Var of) { return conv2d(relu(conv2d(of, down)), up); };
  const Var gate = sigmoid(add(mlp(global_avg_pool2d(x)), mlp(global_max_pool2d(x))));
  return net_of(mul(x, gate));
}

/// The logits of two heads are added, the later one first.
Net two_heads(Graph& graph) {
  const Var x = graph.input("x", {DType::f32, {4, 3, 3, 2}});
  const Var a = dense(flatten(conv2d(x, weight(graph, "w", {3, 3, 3, 2}))),
                      weight(graph, "a", {5, 3}), weight(graph, "abias", {5}));
  const Var b = dense(flatten(x), weight(graph, "b", {5, 18}));
  return net_of(add(b, a));
}

/// Gemm(A, B, C) with C = Gemm(...).
Net gemm_of_gemm(Graph& graph) {
  const Var x = graph.input("x", {DType::f32, {4, 6}}), z = graph.input("z", {DType::f32, {4, 3}});
  const Var c = dense(z, weight(graph, "inner", {5, 3}));
  return net_of(relu6(add(dense(x, weight(graph, "outer", {5, 6})), c)));
}

struct Seeds {
  unsigned first = 1, last = 60;
};

Seeds seeds() {
  Seeds found;
  const char* text = std::getenv("TESSERA_PASSES_SEEDS");
  if (text && std::sscanf(text, "%u-%u", &found.first, &found.last) != 2)
    throw Error("TESSERA_PASSES_SEEDS", "expected FIRST-LAST");
  return found;
}

}  // namespace

TEST_CASE("sums of two products by name, with and without passes") {
  const auto devices = open_usable_devices();
  const std::map<const char*, Net (*)(Graph&)> nets = {
      {"LoRA", lora}, {"CBAM", cbam}, {"two heads", two_heads}, {"Gemm of Gemm", gemm_of_gemm}};
  for (const auto& net : nets)
    for (const Mode mode : {Mode::inference, Mode::training}) {
      INFO(net.first);
      check_passes(devices, net.second, mode, 1);
    }
}

TEST_CASE("random graphs with and without passes") {
  auto devices = open_usable_devices();
  constexpr unsigned on_other_devices = 3;
  const auto [first, last] = seeds();
  std::map<Mode, std::set<std::string>> changed;
  for (unsigned seed = first; seed <= last; ++seed) {
    if (seed == first + on_other_devices && !std::getenv("TESSERA_DEVICE"))
      std::erase_if(devices, [](const auto& device) { return device->info().id != "cpu"; });
    const auto build = [&](Graph& graph) {
      return random_net(graph, seed, 4 + static_cast<int>(seed % 9));
    };
    for (const Mode mode : {Mode::inference, Mode::training})
      changed[mode].merge(check_passes(devices, build, mode, seed));
  }
  for (const auto& [mode, names] : changed)  // each pass found something to do
    CHECK(names.size() + 1 == pass_sets(mode).size());
}

}  // namespace tessera::tests
