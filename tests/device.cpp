// What each device must do beside arithmetic: buffers, inputs and outputs, runs, parameters shared
// between executables, and errors that name what is wrong.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tessera/error.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/runs.h"

namespace tessera {
namespace {

using Bytes = std::vector<std::byte>;

/// The message has these parts and stands in one line.
void check_parts(const std::string& message, const std::vector<std::string>& parts) {
  INFO(message);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find('[') == 0);
  for (const std::string& part : parts) {
    INFO("expected: ", part);
    CHECK(message.find(part) != std::string::npos);
  }
}

Bytes counting(std::size_t count, int first = 1) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(first + static_cast<int>(i % 251));
  return bytes;
}

/// y = relu(x) over `count` numbers.
Graph relu_graph(std::int64_t count) {
  Graph graph;
  graph.set_output("y", relu(graph.input("x", {DType::f32, {count}})));
  return graph;
}

}  // namespace

TEST_CASE("a device describes itself") {
  on_each_device([](Device& device) {
    const DeviceInfo& info = device.info();
    CHECK(info.usable);
    CHECK_FALSE(info.name.empty());
    CHECK_FALSE(info.driver.empty());
    CHECK(info.compute_units >= 1);
    CHECK(info.memory_bytes > 1 << 20);
    CHECK(info.max_allocation_bytes > 1 << 20);
    CHECK(info.max_allocation_bytes <= info.memory_bytes);
    const std::size_t alignment = device.buffer_alignment();
    CHECK(alignment >= 4);
    CHECK((alignment & (alignment - 1)) == 0);
  });
}

TEST_CASE("bytes come back from where they were put, and only they change") {
  on_each_device([](Device& device) {
    for (std::size_t size : {1u, 3u, 64u, 1031u, 1u << 20}) {
      const auto buffer = device.allocate(size);
      CHECK(buffer->bytes() == size);
      Bytes expected = counting(size);
      device.upload(*buffer, 0, expected);
      const std::size_t offset = size / 3, count = size / 2;
      const Bytes part = counting(count, 77);
      device.upload(*buffer, offset, part);
      std::copy(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset));
      Bytes all(size), middle(count);
      device.download(*buffer, 0, all);
      device.download(*buffer, offset, middle);
      CHECK(all == expected);
      CHECK(middle == part);
    }
  });
}

TEST_CASE("buffers do not overlap") {
  on_each_device([](Device& device) {
    std::vector<std::unique_ptr<Buffer>> buffers;
    for (int i = 0; i < 20; ++i) {
      buffers.push_back(device.allocate(100));
      device.upload(*buffers.back(), 0, counting(100, i));
    }
    for (int i = 0; i < 20; ++i) {
      Bytes found(100);
      device.download(*buffers[static_cast<std::size_t>(i)], 0, found);
      CHECK(found == counting(100, i));
    }
  });
}

TEST_CASE("nothing is a size too") {
  on_each_device([](Device& device) {
    const auto buffer = device.allocate(0);
    CHECK(buffer->bytes() == 0);
    device.upload(*buffer, 0, {});
    device.download(*buffer, 0, {});
    const auto other = device.allocate(8);
    device.upload(*other, 8, {});
    CHECK_THROWS_AS(device.upload(*buffer, 0, Bytes(1)), Error);
  });
}

TEST_CASE("an allocation that cannot be says what is needed and what there is") {
  on_each_device([](Device& device) {
    const std::size_t bytes = std::size_t{1} << 50;
    const std::string message = refusal([&] { device.allocate(bytes); });
    check_parts(message, {std::to_string(bytes)});
    const DeviceInfo& info = device.info();
    const auto names = [&](std::uint64_t number) {
      return message.find(std::to_string(number)) != std::string::npos;
    };
    CHECK((names(info.memory_bytes) || names(info.max_allocation_bytes)));

    Graph graph;
    const Var x = graph.input("x", {DType::f32, {1, 1}});
    const Var huge = graph.constant({std::int64_t{1} << 24, std::int64_t{1} << 24}, 0);
    graph.set_output("y", sum(add(huge, x)));
    Params params(device);
    check_parts(refusal([&] { device.compile(plan_for(device, graph), params); }),
                {"1125899906842"});             // 2^50 and a little
    CHECK(device.allocate(16)->bytes() == 16);  // and the device goes on
  });
}

TEST_CASE("ranges outside of a buffer are refused") {
  on_each_device([](Device& device) {
    const auto buffer = device.allocate(100);
    const Bytes before = counting(100);
    device.upload(*buffer, 0, before);
    Bytes bytes(60);
    check_parts(refusal([&] { device.upload(*buffer, 41, bytes); }), {"60", "41", "100"});
    check_parts(refusal([&] { device.download(*buffer, 41, bytes); }), {"60", "41", "100"});
    CHECK_THROWS_AS(device.upload(*buffer, 101, {}), Error);
    const std::size_t wraps = std::numeric_limits<std::size_t>::max() - 10;
    CHECK_THROWS_AS(device.upload(*buffer, wraps, bytes), Error);
    CHECK_THROWS_AS(device.download(*buffer, wraps, bytes), Error);
    Bytes after(100);
    device.download(*buffer, 0, after);
    CHECK(after == before);
  });
}

TEST_CASE("names and sizes of inputs and outputs are checked") {
  on_each_device([](Device& device) {
    Params params(device);
    const auto run = device.compile(plan_for(device, relu_graph(5)), params);
    Bytes wrong(16), right(20);
    check_parts(refusal([&] { run->set_input("z", right); }), {"'z'"});
    check_parts(refusal([&] { run->set_input("y", right); }), {"y"});
    check_parts(refusal([&] { run->set_input("x", wrong); }), {"x", "16", "20"});
    check_parts(refusal([&] { run->read_output("z", right); }), {"'z'"});
    check_parts(refusal([&] { run->read_output("x", right); }), {"x"});
    check_parts(refusal([&] { run->read_output("y", wrong); }), {"y", "16", "20"});
    set(*run, "x", {-1, 2, -3, 4, -5});
    run->run();
    CHECK(read(*run, "y", 5) == Floats{0, 2, 0, 4, 0});
  });
}

TEST_CASE("inputs keep their values, and the last one set counts") {
  on_each_device([](Device& device) {
    Graph graph;
    const Var a = graph.input("a", {DType::f32, {2}}), b = graph.input("b", {DType::f32, {2}});
    graph.set_output("y", add(a, b));
    Params params(device);
    const auto run = device.compile(plan_for(device, graph), params);
    set(*run, "a", {1, 2});
    set(*run, "b", {10, 20});
    run->run();
    CHECK(read(*run, "y", 2) == Floats{11, 22});
    CHECK(read(*run, "y", 2) == Floats{11, 22});
    for (float x : {5.0f, 6.0f, 7.0f}) set(*run, "a", {x, x});
    run->run();  // b as before
    CHECK(read(*run, "y", 2) == Floats{17, 27});
    run->run();
    CHECK(read(*run, "y", 2) == Floats{17, 27});
  });
}

TEST_CASE("runs follow each other without a read, each with its own input") {
  on_each_device([](Device& device) {
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {1}});
    record(relu(x), graph.state("history", {DType::f32, {50}}),
           graph.state("counter", {DType::i32, {1}}));
    Params params(device);
    params.add(graph, 0);
    const auto run = device.compile(plan_for(device, graph), params);
    Floats expected;
    Floats number(1);
    for (int i = 0; i < 50; ++i) {
      number[0] = static_cast<float>(i);
      set(*run, "x", number);
      number[0] = -1;  // the caller's memory is free
      run->run();
      expected.push_back(static_cast<float>(i));
    }
    CHECK(params.read_floats("history") == expected);
  });
}

TEST_CASE("large inputs travel while runs go on") {
  on_each_device([](Device& device) {
    constexpr std::int64_t count = 1 << 18;
    Graph graph;
    const Var x = graph.input("x", {DType::u8, {1, 1, count, 1}});
    record(reshape(sum(image_to_float(x)), {1}), graph.state("history", {DType::f32, {9}}),
           graph.state("counter", {DType::i32, {1}}));
    Params params(device);
    params.add(graph, 0);
    const auto run = device.compile(plan_for(device, graph), params);
    Bytes pixels(static_cast<std::size_t>(count));
    for (int i = 0; i < 9; ++i) {
      std::fill(pixels.begin(), pixels.end(), static_cast<std::byte>(i));
      run->set_input("x", pixels);
      run->run();
    }
    const Floats history = params.read_floats("history");
    for (std::size_t i = 0; i < 9; ++i)
      CHECK(
          history[i] ==
          doctest::Approx(static_cast<double>(count) / 255 * static_cast<double>(i)).epsilon(1e-4));
  });
}

TEST_CASE("anything can be an output") {
  on_each_device([](Device& device) {
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {2, 2}});
    const Var w = graph.parameter("w", {2, 2}, {Initializer::Kind::constant, 3});
    const Var c = graph.constant({2, 2}, 2.5);
    const Var y = add(add(x, w), c);
    graph.set_output("y", y);
    graph.set_output("y again", y);
    graph.set_output("flat", reshape(y, {4}));
    graph.set_output("x", x);
    graph.set_output("w", w);
    graph.set_output("c", c);
    Params params(device);
    params.add(graph, 0);
    const auto run = device.compile(plan_for(device, graph), params);
    set(*run, "x", {1, 2, 3, 4});
    run->run();
    const Floats sum = {6.5, 7.5, 8.5, 9.5};
    for (const char* name : {"y", "y again", "flat"}) CHECK(read(*run, name, 4) == sum);
    CHECK(read(*run, "x", 4) == Floats{1, 2, 3, 4});
    CHECK(read(*run, "w", 4) == Floats(4, 3));
    CHECK(read(*run, "c", 4) == Floats(4, 2.5));
  });
}

TEST_CASE("a graph may have no nodes, and inputs that nothing reads") {
  on_each_device([](Device& device) {
    Graph graph;
    graph.input("unused", {DType::i32, {3}});
    graph.set_output("y", graph.input("x", {DType::f32, {2}}));
    Params params(device);
    const auto run = device.compile(plan_for(device, graph), params);
    run->set_input("unused", Bytes(12));
    set(*run, "x", {4, -5});
    run->run();
    CHECK(read(*run, "y", 2) == Floats{4, -5});
  });
}

TEST_CASE("executables share parameters, and see what the others write") {
  on_each_device([](Device& device) {
    Graph update, use;
    const Initializer one{Initializer::Kind::constant, 1};
    sgd_step(update.parameter("w", {3}, one), update.input("dw", {DType::f32, {3}}),
             update.state("v", {DType::f32, {3}}), update.constant({1}, 0.5));
    use.set_output("y", relu(use.parameter("w", {3}, one)));
    Params params(device);
    params.add(update, 0);
    params.add(use, 0);
    const auto updating = device.compile(plan_for(device, update), params);
    const auto using_it = device.compile(plan_for(device, use), params);
    using_it->run();
    CHECK(read(*using_it, "y", 3) == Floats(3, 1));
    set(*updating, "dw", {1, -2, -4});
    updating->run();
    using_it->run();
    CHECK(read(*using_it, "y", 3) == Floats{0.5, 2, 3});
    updating->run();
    CHECK(params.read_floats("w") == Floats{0, 3, 5});
    const Floats fresh = {7, 8, 9};
    params.write("w", std::as_bytes(std::span(fresh)));
    using_it->run();
    CHECK(read(*using_it, "y", 3) == fresh);
  });
}

TEST_CASE("compile refuses parameters that are missing, of another shape or on another device") {
  const auto others = open_usable_devices();
  on_each_device([&](Device& device) {
    Graph graph, narrow;
    graph.set_output("y", relu(graph.parameter("w", {3}, {})));
    narrow.parameter("w", {2}, {});
    const Plan plan = plan_for(device, graph);
    Params empty(device), different(device);
    different.add(narrow, 0);
    check_parts(refusal([&] { device.compile(plan, empty); }), {"w"});
    check_parts(refusal([&] { device.compile(plan, different); }), {"w", "[2]", "[3]"});
    for (const auto& other : others) {
      if (other->info().id == device.info().id) continue;
      Params elsewhere(*other);
      elsewhere.add(graph, 0);
      CHECK_THROWS_AS(device.compile(plan, elsewhere), Error);
    }
  });
}

TEST_CASE("an executable describes each node") {
  on_each_device([](Device& device) {
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {2, 6}});
    graph.set_output("y", reshape(relu(x, "activate"), {12}, "flat"));
    Params params(device);
    const auto lines = device.compile(plan_for(device, graph), params)->describe();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("activate") != std::string::npos);
    CHECK(lines[0].find("relu") != std::string::npos);
    CHECK(lines[1].find("flat") != std::string::npos);
  });
}

TEST_CASE("executables may go while runs are under way, and before their params") {
  on_each_device([](Device& device) {
    for (int i = 0; i < 5; ++i) {
      Params params(device);
      const auto run = device.compile(plan_for(device, relu_graph(1 << 20)), params);
      set(*run, "x", Floats(1 << 20, 1.0f));
      for (int j = 0; j < 3; ++j) run->run();
    }
    device.finish();
    CHECK(device.allocate(4)->bytes() == 4);
  });
}

TEST_CASE("the arenas hold the plan") {
  on_each_device([](Device& device) {
    Params params(device);
    const Plan plan = plan_for(device, relu_graph(100));
    const auto run = device.compile(plan, params);
    REQUIRE(run->arenas().size() == plan.arenas().size());
    for (std::size_t i = 0; i < plan.arenas().size(); ++i)
      CHECK(run->arenas()[i]->bytes() >= plan.arenas()[i]);
    set(*run, "x", Floats(100, -2));
    run->run();
    run->run();
    // What the plan says about the places of values is true.
    Floats y(100, -1);
    const Placement& place = plan.placement(plan.graph().find("y"));
    device.download(*run->arenas().at(place.arena), place.offset,
                    std::as_writable_bytes(std::span(y)));
    CHECK(y == Floats(100, 0));
  });
}

}  // namespace tessera
