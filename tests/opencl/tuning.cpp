// Tuned algorithms and parameters: they are taken, described, and give equal results.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "backends/opencl/programs/kernel_source.h"
#include "tessera/ops.h"
#include "tessera/tuner.h"
#include "tests/opencl/devices.h"
#include "tests/tuned_runs.h"

namespace tessera::opencl {
namespace {

/// Sums nothing.
void write_broken_matmul(const std::filesystem::path& folder) {
  std::string text;
  for (const KernelFile& file : embedded_kernel_files())
    if (file.name == "matmul.cl") text = file.text;
  const std::string product =
      "MULTIPLY_ADD(row[(size_t)k * args.a_k], column[(size_t)k * args.b_k], sum)";
  const std::size_t at = text.find(product);
  REQUIRE(at != text.npos);
  std::ofstream(folder / "matmul.cl") << text.replace(at, product.size(), "0.0f");
}

}  // namespace

TEST_CASE("every candidate of a node gives the result of the plain algorithm") {
  const auto with = [&](std::vector<Graph> graphs) {
    for (Graph& graph : convolutions(3, 5, 21)) graphs.push_back(std::move(graph));
    for (Graph& graph : convolutions(3, 48, 48, 3, 48)) graphs.push_back(std::move(graph));
    for (Graph& graph : convolutions(3, 21, 42, 3, 21)) graphs.push_back(std::move(graph));
    graphs.push_back(product(131, 135, 1030, true));  // several of each tile and of each block
    graphs.push_back(product(13, 37, 21, false));
    graphs.push_back(product(13, 37, 21, true));
    return graphs;
  };
  // On a CPU 1x1 filters and many images have algorithms of their own; a GPU's tiles are large.
  std::vector<Graph> for_cpu = with(convolutions(3, 35, 52, 1));
  for (Graph& graph : convolutions(9, 37, 35)) for_cpu.push_back(std::move(graph));
  const std::vector<Graph> for_gpu = with(convolutions(3, 37, 70));
  for (const std::string& id : usable_ids())
    for (bool as_gpu : {false, true})
      for (const Graph& graph : as_gpu ? for_gpu : for_cpu) {
        const auto device = as_gpu ? open_as_gpu(id) : open_opencl(id);
        const std::string key = key_of(graph);
        CAPTURE(key);
        device->set_tuning({{key, {{"naive"}}}});
        const Run expected = run(*device, graph);
        CHECK(expected.description.ends_with(" naive (tuned)"));
        for (const Candidate& candidate : device->candidates(graph, 0)) {
          CAPTURE(to_string(candidate));
          device->set_tuning({{key, {candidate}}});
          const Run found = run(*device, graph);
          CHECK(found.description.find(candidate.algorithm + " (tuned") != std::string::npos);
          CHECK(found.description.find(to_string(candidate.parameters)) != std::string::npos);
          check_equal(found.y, expected.y);
        }
      }
}

TEST_CASE("an algorithm that is not expected to pay is a candidate all the same") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_as_gpu(id);
    const auto places_of = [&](const Graph& graph) {
      std::vector<std::size_t> places;
      const std::vector<Candidate> candidates = device->candidates(graph, 0);
      for (std::size_t i = 0; i < candidates.size(); ++i)
        if (candidates[i].algorithm == "winograd_local") places.push_back(i);
      return places;
    };
    for (const Graph& graph : convolutions(3, 37, 70)) {
      CHECK(places_of(graph).front() > 0);
      CHECK(run(*device, graph).description.find("winograd_local refused: the transforms cost") !=
            std::string::npos);
    }
    for (const Graph& graph : convolutions(64, 256, 256)) CHECK(places_of(graph).front() == 0);
  }
}

TEST_CASE("without an entry for a node nothing changes") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const Graph graph = product(13, 37, 21, false);
    const Run untuned = run(*device, graph);
    CHECK(untuned.description.find("tuned") == std::string::npos);
    device->set_tuning({{key_of(product(14, 37, 21, false)), {{"naive"}}}});
    const Run other = run(*device, graph);
    CHECK(other.description == untuned.description);
    CHECK(other.y == untuned.y);
    CHECK(device->candidates(graph, 0).front().parameters.empty());
    CHECK(untuned.description.find(device->candidates(graph, 0).front().algorithm) !=
          std::string::npos);
  }
}

TEST_CASE("entries that are no candidates are passed over, with the reason") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const Graph graph = product(13, 37, 21, false);
    const Run untuned = run(*device, graph);
    const auto described = [&](const Candidate& candidate) {
      device->set_tuning({{key_of(graph), {candidate}}});
      const Run found = run(*device, graph);
      CHECK(found.y == untuned.y);
      return found.description;
    };
    CHECK(described({"fastest"}).find("(tuned fastest refused: there is no such algorithm)") !=
          std::string::npos);
    CHECK(described({"tile", {{"tile_m", 1000000}, {"vectors", 2}}})
              .find("(tuned tile tile_m=1000000 vectors=2 refused: these parameters are no "
                    "candidate)") != std::string::npos);
    CHECK(described({"tile", {{"tile_m", 8}}}).find("no candidate") != std::string::npos);
  }
}

TEST_CASE("an algorithm that the environment prefers comes before a tuned one") {
  const Setting setting("TESSERA_OPENCL_ALGORITHM", "matmul=clblast");
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const Graph graph = product(13, 37, 21, false);
    device->set_tuning({{key_of(graph), {{"naive"}}}});
    CHECK(run(*device, graph).description.ends_with("matmul clblast"));
  }
}

TEST_CASE("a key names the op, its inputs and what shapes loops") {
  const Graph graph = product(13, 37, 21, true);
  CHECK(key_of(graph) == "matmul f32[13,21] f32[37,21] transpose_a=0 transpose_b=1");
}

TEST_CASE("jobs are answered, candidate by candidate, with times or with what is wrong") {
  const auto reference = tessera::open_device("cpu");
  Graph graph;
  const Var a = graph.input("0", {DType::f32, {24, 32}}),
            b = graph.input("1", {DType::f32, {32, 40}});
  graph.set_output("y0", matmul(a, b));
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const auto candidates = device->candidates(graph, 0);
    std::stringstream jobs, reports;
    jobs << to_line(TuningJob{graph, {}, {candidates[0]}}) << "\n";
    jobs << to_line(TuningJob{graph, candidates[0], {candidates[1], {"naive"}}}) << "\n";
    serve_tuning_jobs(*device, *reference, jobs, reports);
    for (int i = 0; i < 3; ++i) {
      std::string line;
      REQUIRE(std::getline(reports, line));
      const TuningReport report = tuning_report_of(line);
      CHECK(report.error == "");
      CHECK(report.seconds > 0);
      CHECK((report.baseline_seconds > 0) == (i > 0));
    }
    // The kernel that gives zeros stands in for one that a compiler got wrong.
    const TemporaryFolder folder;
    write_broken_matmul(folder.path());
    const Setting setting("TESSERA_KERNEL_DIR", folder.path().string());
    const auto faulty = open_opencl(id);
    const TuningReport report =
        CandidateTimer(*faulty, *reference, {graph, {}, {}}).measure({"naive"});
    CHECK(report.error.find("the result is wrong: element 0 is 0, expected") == 0);
  }
}

}  // namespace tessera::opencl
