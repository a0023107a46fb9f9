// Nets compute the same whether chains and the gradients of slices are joined or not.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/philox.h"
#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/fuse.h"
#include "tessera/models.h"
#include "tessera/plan.h"
#include "tests/devices.h"
#include "tests/read_outputs.h"

namespace tessera {
namespace {

constexpr std::int64_t images = 4;

/// The loss and the gradients of all parameters.
Graph step_graph(const ImageModel& model, bool joined) {
  Graph graph(Mode::training);
  const Var loss = append_classifier(graph, model, images).loss;
  fuse(graph);
  std::vector<Var> parameters;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      parameters.emplace_back(graph, static_cast<ValueId>(i));
  graph.set_output("loss", loss);
  const std::vector<Var> found = gradients(loss, parameters);
  for (std::size_t i = 0; i < found.size(); ++i)
    graph.set_output(graph.value(parameters[i].id()).name, found[i]);
  remove_dead_nodes(graph);
  if (joined) {
    join_slices(graph);
    join_chains(graph);
  }
  return graph;
}

Results run(Device& device, const ImageModel& model, const Graph& graph) {
  const Plan plan(graph, device.plan_options());
  Params params(device);
  params.add(graph, 1);
  const auto executable = device.compile(plan, params);
  Philox random(1, "images");
  std::vector<std::uint8_t> pixels(
      static_cast<std::size_t>(images * model.input.height * model.input.width * 3));
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random.next());
  const std::vector<std::int32_t> labels = {0, 1, 2, 1};
  executable->set_input("image", std::as_bytes(std::span(pixels)));
  executable->set_input("label", std::as_bytes(std::span(labels)));
  executable->run();
  return read_outputs(*executable, graph);
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])));
  return worst;
}

/// Some gradients are nothing but rounding errors: those of a bias in front of a norm.
double largest_gradient(const Results& results) {
  double largest = 0;
  for (std::size_t i = 1; i < results.size(); ++i)
    largest = std::max(largest, difference(results[i], std::vector<float>(results[i].size())));
  return largest;
}

void check(const char* name, std::int64_t side) {
  const ImageModel model = make_model(name, {side, side, 3, {}}, {"a", "b", "c"});
  const Graph apart = step_graph(model, false), joined = step_graph(model, true);
  CHECK(joined.nodes().size() < apart.nodes().size());
  for (const auto& device : open_usable_devices()) {
    INFO(name, " on ", device->info().id);
    const Results expected = run(*device, model, apart), found = run(*device, model, joined);
    CHECK(found[0][0] == doctest::Approx(expected[0][0]).epsilon(1e-6));
    for (std::size_t i = 1; i < expected.size(); ++i) {
      INFO(apart.outputs()[i].name);
      CHECK(difference(expected[i], found[i]) < 1e-4 * largest_gradient(expected));
    }
  }
}

}  // namespace

TEST_CASE("efficientnet_b0 with and without passes") { check("efficientnet_b0", 64); }
TEST_CASE("vit_tiny with and without passes") { check("vit_tiny", 32); }

}  // namespace tessera
