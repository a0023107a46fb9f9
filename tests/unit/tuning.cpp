// Results of tuning: keys, files that are whole, damaged or of something else, writers at the same
// time; jobs and reports as lines.
#include "tessera/tuning.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "engine/tuning/tuning_parts.h"
#include "tessera/device.h"
#include "tessera/op.h"
#include "tessera/tuner.h"
#include "tests/data/files.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

/// A folder of its own for results, while the object lives.
struct Folder {
  Folder() { ::setenv("TESSERA_TUNING_DIR", (folder / "tuning").c_str(), 1); }
  ~Folder() { ::unsetenv("TESSERA_TUNING_DIR"); }
  tests::TemporaryFolder folder;
};

DeviceInfo device(const std::string& driver = "1.0") {
  DeviceInfo info;
  info.name = "Some GPU (rev. 2)";
  info.driver = driver;
  return info;
}

Tuning some_results() {
  return {{"matmul f32[2,3] f32[3,4]", {{"tile", {{"tile_m", 8}, {"vectors", 2}}}, 1e-5, 2e-5}},
          {"conv2d f32[1]", {{"naive"}, 0.25, 0.5}}};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("a key has what shapes loops, and no other numbers") {
  Graph graph;
  const Var a = graph.input("a", {DType::f32, {13, 21}}),
            b = graph.input("b", {DType::f32, {21, 5}});
  graph.add("matmul", {a, b},
            {{"transpose_a", std::int64_t{0}}, {"transpose_b", std::int64_t{0}}, {"eps", 0.5}});
  CHECK(tuning_key(graph, graph.nodes()[0]) ==
        "matmul f32[13,21] f32[21,5] transpose_a=0 transpose_b=0");
}

TEST_CASE("results are stored, and found again") {
  const Folder folder;
  CHECK_FALSE(stored_tuning(device()));
  const std::string path = store_tuning(device(), some_results());
  CHECK(path == tuning_folder() + "/Some_GPU_rev._2_-1.0.json");
  REQUIRE(stored_tuning(device()));
  CHECK(stored_tuning(device())->problem == "");
  CHECK(stored_tuning(device())->tuning == some_results());
  CHECK(load_tuning(device()) == some_results());
  CHECK_FALSE(stored_tuning(device("1.1")));
  ::setenv("TESSERA_TUNING", "off", 1);
  CHECK(load_tuning(device()).empty());
  ::unsetenv("TESSERA_TUNING");
  CHECK(clear_tuning(device()));
  CHECK_FALSE(clear_tuning(device()));
  CHECK_FALSE(stored_tuning(device()));
}

TEST_CASE("new results join and replace those stored before") {
  const Folder folder;
  store_tuning(device(), some_results());
  const Tuning more = {{"conv2d f32[1]", {{"tile"}, 0.125, 0.5}}, {"new", {{"tile"}, 1, 2}}};
  store_tuning(device(), more);
  Tuning all = more;
  all.merge(some_results());
  CHECK(all.size() == 3);
  CHECK(stored_tuning(device())->tuning == all);
}

TEST_CASE("files that are damaged or of something else are passed over, with the reason") {
  const Folder folder;
  const std::string path = store_tuning(device(), some_results());
  const std::string good = text_of(path);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const auto problem = [&](const std::string& text) {
    replace(path, text);
    REQUIRE(stored_tuning(device()));
    CHECK(load_tuning(device()).empty());
    return stored_tuning(device())->problem;
  };
  CHECK(problem(good.substr(0, good.size() / 2)).find("not JSON") != std::string::npos);
  CHECK(problem("").find("not JSON") != std::string::npos);
  CHECK(problem("[1, 2]") != "");
  CHECK(problem(with("\"tile_m\": 8", "\"tile_m\": \"8\"")) != "");
  CHECK(problem(with("\"algorithm\": \"naive\"", "\"algorithm\": 3")) != "");
  CHECK(problem(with("\"driver\": \"1.0\"", "\"driver\": \"0.9\"")) ==
        "driver is '0.9', expected '1.0'");
  CHECK(problem(with("\"tessera\": \"", "\"tessera\": \"0.0.")).starts_with("tessera is '0.0."));
  // And replaced by what is stored next.
  store_tuning(device(), some_results());
  CHECK(load_tuning(device()) == some_results());
}

TEST_CASE("writers at the same time lose nothing") {
  const Folder folder;
  constexpr int writers = 8, results = 10;
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w)
    threads.emplace_back([w] {
      for (int i = 0; i < results; ++i)
        store_tuning(device(), {{std::to_string(w) + "," + std::to_string(i), {{"tile"}, 1, 2}}});
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(stored_tuning(device())->tuning.size() == writers * results);
}

TEST_CASE("where nothing can be stored, that is said") {
  const Folder folder;
  replace(folder.folder / "tuning", "a file");
  CHECK(refusal([] { store_tuning(device(), some_results()); }).find("cannot be created") !=
        std::string::npos);
}

TEST_CASE("results that come with the library can be read") {
  for (const ShippedFile& file : shipped_tuning_files()) {
    CAPTURE(file.name);
    const auto j = nlohmann::ordered_json::parse(file.text);
    DeviceInfo info;
    info.name = j.at("device");
    info.driver = j.at("driver");
    REQUIRE(shipped_tuning(info));
    CHECK(shipped_tuning(info)->tuning.size() == j.at("results").size());
    CHECK(load_tuning(info) == shipped_tuning(info)->tuning);
  }
  CHECK_FALSE(shipped_tuning(device()));
}

TEST_CASE("jobs and reports as lines") {
  Graph graph;
  const Var x = graph.input("0", {DType::f32, {2, 8, 8, 3}}),
            w = graph.input("1", {DType::f32, {4, 3, 3, 3}});
  graph.add("conv2d", {x, w},
            {{"stride", std::vector<std::int64_t>{1, 1}},
             {"padding", std::vector<std::int64_t>{1, 1, 1, 1}},
             {"dilation", std::vector<std::int64_t>{1, 1}},
             {"groups", std::int64_t{1}},
             {"a number", 2.0},
             {"a text", std::string("\"relu\"\n")},
             {"no numbers", std::vector<double>{}}});
  const TuningJob job = {graph, Candidate{"tile"}, {{"naive"}, {"tile", {{"rows", 4}}}}, 4096};
  const std::string line = to_line(job);
  CHECK(line.find('\n') == std::string::npos);
  const TuningJob found = tuning_job_of(line);
  CHECK(found.baseline == job.baseline);
  CHECK(found.candidates == job.candidates);
  CHECK(found.memory == 4096);
  CHECK(found.graph.nodes()[0].attributes.all() == graph.nodes()[0].attributes.all());
  CHECK(tuning_key(found.graph, found.graph.nodes()[0]) == tuning_key(graph, graph.nodes()[0]));
  CHECK_FALSE(tuning_job_of(to_line(TuningJob{graph, {}, {}})).baseline);

  const TuningReport report = tuning_report_of(to_line(TuningReport{"a\nb", 1.5, 0.25}));
  CHECK(report.error == "a\nb");
  CHECK(report.seconds == 1.5);
  CHECK(report.baseline_seconds == 0.25);
  CHECK(refusal([] { tuning_report_of("{}"); }).starts_with("[tuner] malformed line"));
  CHECK(refusal([] { tuning_job_of("ready"); }).starts_with("[tuner] malformed line"));
}

}  // namespace tessera
