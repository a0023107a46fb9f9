// Tuned algorithms of the CPU backend: they are taken, described, and give equal results.
#include <doctest/doctest.h>

#include <sstream>

#include "tessera/check.h"
#include "tessera/tuner.h"
#include "tests/cpu/environment.h"
#include "tests/tuned_runs.h"

namespace tessera {
namespace {

/// Nodes that several algorithms run, some of them only when tuned.
std::vector<Graph> tuned_graphs() {
  std::vector<Graph> graphs;
  const auto add = [&](std::vector<Graph> some) {
    for (Graph& graph : some) graphs.push_back(std::move(graph));
  };
  add(convolutions(3, 5, 21));
  add(convolutions(9, 37, 35));
  add(convolutions(3, 35, 52, 1));
  add(convolutions(3, 48, 48, 3, 48));
  add(convolutions(3, 21, 42, 3, 21));
  for (bool transpose_b : {false, true}) {
    graphs.push_back(product(13, 37, 21, transpose_b));
    graphs.push_back(product(500, 400, 350, transpose_b));
  }
  return graphs;
}

bool offers(Device& device, const Graph& graph, const Candidate& candidate) {
  const auto all = device.candidates(graph, 0);
  return std::find(all.begin(), all.end(), candidate) != all.end();
}

}  // namespace

TEST_CASE("every candidate of a node gives the result of the plain algorithm, with any threads") {
  const auto device = open_device("cpu"), reference = open_reference_device();
  const Environment threads("TESSERA_THREADS", "3");
  const auto on_three = open_device("cpu");
  for (const Graph& graph : tuned_graphs()) {
    const std::string key = key_of(graph);
    CAPTURE(key);
    const Run expected = run(*reference, graph);
    CHECK(expected.description.ends_with(" naive"));
    const auto candidates = device->candidates(graph, 0);
    CHECK(candidates.size() > 1);
    device->set_tuning({});
    CHECK(run(*device, graph).description.find(candidates[0].algorithm) != std::string::npos);
    for (const Candidate& candidate : candidates) {
      CAPTURE(to_string(candidate));
      device->set_tuning({{key, {candidate}}});
      on_three->set_tuning({{key, {candidate}}});
      const Run found = run(*device, graph);
      CHECK(found.description.find(candidate.algorithm + " (tuned") != std::string::npos);
      CHECK(found.description.find(to_string(candidate.parameters)) != std::string::npos);
      check_equal(found.y, expected.y);
      CHECK(run(*on_three, graph).y == found.y);
    }
  }
}

TEST_CASE("algorithms that are not expected to pay are candidates, and refused without tuning") {
  const auto device = open_device("cpu");
  for (const Graph& graph : convolutions(3, 16, 12)) {
    CHECK(offers(*device, graph, {"winograd"}));
    CHECK(run(*device, graph).description.find("winograd refused: it has fewer than 16 channels") !=
          std::string::npos);
  }
  CHECK(offers(*device, convolutions(9, 37, 35)[0], {"planar"}));
  CHECK(offers(*device, product(13, 37, 21, true), {"dot"}));
  CHECK(offers(*device, product(500, 400, 350, false), {"outer"}));
  CHECK(!offers(*device, convolutions(3, 35, 52, 1)[0], {"winograd"}));
  const Environment preference("TESSERA_CPU_ALGORITHM", "matmul=dot");
  CHECK(run(*open_device("cpu"), product(13, 37, 21, true)).description.ends_with("matmul dot"));
}

TEST_CASE("tuned tiles of winograd are not those of the default") {
  const auto device = open_device("cpu");
  for (const Graph& graph : convolutions(9, 37, 35)) {
    const Candidate candidate{"winograd", {{"results", 4}}};
    CHECK(offers(*device, graph, candidate) !=
          offers(*device, graph, {"winograd", {{"results", 2}}}));
    std::vector<std::vector<float>> found;
    for (const Candidate& c : device->candidates(graph, 0)) {
      if (c.algorithm != "winograd") continue;
      device->set_tuning({{key_of(graph), {c}}});
      found.push_back(run(*device, graph).y);
    }
    REQUIRE(found.size() == 2);
    CHECK(found[0] != found[1]);
  }
}

TEST_CASE("a preference and the reference device come before tuning results") {
  const Graph graph = product(13, 37, 21, false);
  const auto described = [&](Device& device, const Candidate& candidate) {
    device.set_tuning({{key_of(graph), {candidate}}});
    return run(device, graph).description;
  };
  CHECK(described(*open_reference_device(), {"eigen"}).ends_with("matmul naive"));
  {
    const Environment preference("TESSERA_CPU_ALGORITHM", "matmul=eigen");
    CHECK(described(*open_device("cpu"), {"naive"}).ends_with("matmul eigen"));
  }
  const auto device = open_device("cpu");
  CHECK(
      described(*device, {"fastest"}).find("(tuned fastest refused: there is no such algorithm)") !=
      std::string::npos);
  CHECK(described(*device, {"eigen", {{"rows", 8}}}).find("these parameters are no candidate") !=
        std::string::npos);
  CHECK(described(*device, {"dot"}).find("(tuned dot refused: the operands are not contiguous") !=
        std::string::npos);
}

TEST_CASE("jobs of the tuner are answered") {
  const auto device = open_device("cpu"), reference = open_reference_device();
  const Graph graph = convolutions(3, 5, 21)[0];
  const auto candidates = device->candidates(graph, 0);
  std::stringstream jobs, reports;
  jobs << to_line(TuningJob{graph, candidates[0], candidates}) << "\n";
  serve_tuning_jobs(*device, *reference, jobs, reports);
  for (const Candidate& candidate : candidates) {
    CAPTURE(to_string(candidate));
    std::string line;
    REQUIRE(std::getline(reports, line));
    const TuningReport report = tuning_report_of(line);
    CHECK(report.error == "");
    CHECK(report.seconds > 0);
  }
}

}  // namespace tessera
