// What runs leave behind while a device profiles: records of every node, and sums of them.
#include "tessera/profile.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <numeric>

#include "tessera/flops.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/devices.h"

namespace tessera {
namespace {

/// y = relu(x w) as a row, with a view in between.
struct Fixture {
  explicit Fixture(Device& of) : device(of), params(of) {
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {48, 64}});
    const Var w = graph.parameter("w", {64, 32}, {Initializer::Kind::uniform, 0.5});
    const Var y = matmul(x, w, {}, {}, "product");
    graph.set_output("y", relu(reshape(y, {48 * 32}, "row"), "activation"));
    params.add(graph, 1);
    plan = std::make_unique<Plan>(std::move(graph), device.plan_options());
    executable = device.compile(*plan, params);
  }

  std::vector<float> run() {
    std::vector<float> x(48 * 64), y(48 * 32);
    std::iota(x.begin(), x.end(), -1000.0f);
    executable->set_input("x", std::as_bytes(std::span(x)));
    executable->run();
    executable->read_output("y", std::as_writable_bytes(std::span(y)));
    return y;
  }

  Device& device;
  Params params;
  std::unique_ptr<Plan> plan;
  std::unique_ptr<Executable> executable;
};

template <typename Test>
void on_each_device(const Test& test) {
  for (const auto& device : open_usable_devices()) {
    INFO("device: ", device->info().id, " (", device->info().name, ")");
    CHECK_NOTHROW(test(*device));
  }
}

double now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

double seconds(const std::vector<ProfileRecord>& records) {
  return std::accumulate(records.begin(), records.end(), 0.0,
                         [](double sum, const ProfileRecord& r) { return sum + r.seconds(); });
}

TEST_CASE("runs leave records while the device profiles, and only then") {
  on_each_device([](Device& device) {
    Fixture f(device);
    const std::vector<float> expected = f.run();
    CHECK(f.executable->take_records().empty());
    device.set_profiling(true);
    const double before = now();
    CHECK(f.run() == expected);
    f.run();
    const double after = now();
    const std::vector<ProfileRecord> records = f.executable->take_records();
    device.set_profiling(false);
    CHECK(f.run() == expected);
    CHECK(f.executable->take_records().empty());

    std::map<std::string, int> counts;
    for (const ProfileRecord& r : records) {
      CAPTURE(r.work);
      CHECK_FALSE(r.work.empty());
      CHECK(r.start <= r.end);
      // One clock; that of a device is read from afar.
      CHECK(r.start > before - 0.01);
      CHECK(r.end < after + 0.01);
      ++counts[r.node == no_node ? r.work : f.executable->graph().node(r.node).name];
    }
    CHECK(counts["upload x"] == 2);
    CHECK(counts["activation"] == 2);
    CHECK(counts["product"] >= 2);
    CHECK(counts.count("row") == 0);
    for (Queue queue : {Queue::compute, Queue::copy}) {
      double last = 0;
      for (const ProfileRecord& r : records) {
        if (r.queue != queue) continue;
        CHECK(r.start >= last);
        last = r.end;
      }
    }
  });
}

TEST_CASE("records add up by node and by kernel") {
  on_each_device([](Device& device) {
    Fixture f(device);
    device.set_profiling(true);
    f.run();
    f.run();
    const std::vector<ProfileRecord> records = f.executable->take_records();
    device.set_profiling(false);
    const Graph& graph = f.executable->graph();
    for (bool by_kernel : {false, true}) {
      const auto rows = by_kernel ? rows_by_kernel(*f.executable, records, 2)
                                  : rows_by_node(*f.executable, records, 2);
      ProfileRow total;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i > 0) CHECK(rows[i].seconds <= rows[i - 1].seconds);
        total.calls += rows[i].calls;
        total.seconds += rows[i].seconds;
        total.flops += rows[i].flops;
        total.bytes += rows[i].bytes;
      }
      CHECK(total.calls == std::ssize(records));
      CHECK(total.seconds == doctest::Approx(seconds(records)));
      CHECK(total.flops == doctest::Approx(2 * flops(graph)));
      const double elements = 48 * 64 + 64 * 32 + 48 * 32 + 2 * 48 * 32;
      CHECK(total.bytes == doctest::Approx(2 * 4 * elements));
    }
    for (const ProfileRow& row : rows_by_node(*f.executable, records, 2))
      if (row.name == "product") CHECK(row.flops == 2 * 2.0 * 48 * 64 * 32);
  });
}

TEST_CASE("the memory is that of the plan, and the choices are those of the nodes") {
  on_each_device([](Device& device) {
    Fixture f(device);
    const MemoryUse memory = f.executable->memory();
    CHECK(memory.arena == f.plan->arena_bytes());
    CHECK(memory.parameters == 64 * 32 * 4);
    CHECK(memory.total() >= memory.arena + memory.parameters);
    const std::vector<NodeChoice>& choices = f.executable->choices();
    REQUIRE(choices.size() == f.executable->graph().nodes().size());
    CHECK(choices[0].name == "product");
    CHECK(choices[0].op == "matmul");
    CHECK(choices[1].algorithm == "view");
    CHECK(f.executable->describe()[1] == "row: reshape view");
  });
}

TEST_CASE("ceilings are measured") {
  on_each_device([](Device& device) {
    const Ceilings c = device.measure_ceilings();
    for (double number : {c.flops, c.bytes, c.upload, c.download, c.launch}) {
      CHECK(std::isfinite(number));
      CHECK(number > 0);
    }
    ProfileRow row;
    row.seconds = 2;
    row.flops = c.flops;
    row.bytes = c.bytes / 2;
    CHECK(row.share_of(c) == doctest::Approx(0.5));
    CHECK(row.bound_by_flops(c));
    row.bytes = 2 * c.bytes;
    CHECK(row.share_of(c) == doctest::Approx(1));
    CHECK_FALSE(row.bound_by_flops(c));
  });
}

TEST_CASE("a choice as text") {
  CHECK(to_string(NodeChoice{"c", "conv2d", "naive", {}, {}}) == "c: conv2d naive");
  CHECK(to_string(NodeChoice{
            "c", "conv2d", "naive", "tuned: k=8", {{"tile", "too small"}, {"planar", "no"}}}) ==
        "c: conv2d naive (tuned: k=8) (tile refused: too small) (planar refused: no)");
}

}  // namespace
}  // namespace tessera
