// Named weights and states, and the random numbers they start with.
#include "tessera/params.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/philox.h"
#include "tests/unit/host_device.h"

namespace tessera {
namespace {

constexpr Initializer uniform_half{Initializer::Kind::uniform, 0.5};

std::vector<float> initial(const std::string& name, std::uint64_t seed, Shape shape = {1000}) {
  HostDevice device;
  Params params(device);
  Graph graph;
  graph.parameter(name, std::move(shape), uniform_half);
  params.add(graph, seed);
  return params.read_floats(name);
}

}  // namespace

TEST_CASE("Philox gives the known answers of its authors") {
  CHECK(philox(0, {0, 0, 0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("initial weights are uniform within their bound") {
  const auto w = initial("w", 1);
  CHECK(*std::min_element(w.begin(), w.end()) >= -0.5f);
  CHECK(*std::max_element(w.begin(), w.end()) < 0.5f);
  double mean = 0, square = 0;
  for (float x : w) {
    mean += static_cast<double>(x) / 1000;
    square += static_cast<double>(x) * static_cast<double>(x) / 1000;
  }
  CHECK(std::abs(mean) < 0.03);
  CHECK(square == doctest::Approx(1.0 / 12).epsilon(0.1));
}

TEST_CASE("equal seeds and names give equal weights, whatever else there is") {
  CHECK(initial("w", 1) == initial("w", 1));
  CHECK(initial("w", 1) != initial("w", 2));
  CHECK(initial("w", 1) != initial("v", 1));

  HostDevice device;
  Params params(device);
  Graph graph;
  graph.parameter("first", {3}, uniform_half);
  graph.parameter("w", {1000}, uniform_half);
  params.add(graph, 1);
  CHECK(params.read_floats("w") == initial("w", 1));
}

TEST_CASE("adding a graph keeps what is there") {
  HostDevice device;
  Params params(device);
  Graph graph;
  graph.parameter("w", {4}, {Initializer::Kind::constant, 2.5});
  graph.state("counter", {DType::i32, {1}});
  graph.input("x", {DType::f32, {1}});
  params.add(graph, 1);
  CHECK(params.entries().size() == 2);
  CHECK(params.entry("w").role == Role::parameter);
  CHECK(params.entry("counter").role == Role::state);
  CHECK(params.read_floats("w") == std::vector<float>(4, 2.5f));
  CHECK(params.read("counter") == std::vector<std::byte>(4));

  const std::vector<float> changed = {1, 2, 3, 4};
  params.write("w", std::as_bytes(std::span(changed)));
  Graph other;
  other.parameter("w", {4}, {});
  other.parameter("b", {2}, {});
  params.add(other, 2);
  CHECK(params.read_floats("w") == changed);
  CHECK(params.has("b"));
}

TEST_CASE("params refuse what does not fit") {
  HostDevice device;
  Params params(device);
  Graph graph, wider, counting;
  graph.parameter("w", {4}, {});
  graph.state("n", {DType::i32, {1}});
  params.add(graph, 1);
  wider.parameter("w", {5}, {});
  CHECK_THROWS_WITH_AS(params.add(wider, 1), "[params] 'w' is f32[4], expected f32[5]", Error);
  CHECK_THROWS_WITH_AS(params.entry("v"), "[params] there is no 'v'", Error);
  CHECK_THROWS_WITH_AS(params.read_floats("n"), "[params] 'n' is i32[1], expected f32", Error);
  CHECK_THROWS_WITH_AS(params.write("w", std::vector<std::byte>(15)),
                       "[params] 'w' takes 16 bytes (f32[4]), found 15", Error);
  counting.state("from one", {DType::i32, {1}}, {Initializer::Kind::constant, 1});
  CHECK_THROWS_AS(params.add(counting, 1), Error);
}

}  // namespace tessera
