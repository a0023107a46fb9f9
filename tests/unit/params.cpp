// Named weights and states, and the random numbers they start with.
#include "tessera/params.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/base/philox.h"
#include "tessera/initializers.h"
#include "tests/unit/host_device.h"

namespace tessera {
namespace {

const Initializer uniform_half{Initializer::Kind::uniform, 0.5};

std::vector<float> initial(const std::string& name, std::uint64_t seed,
                           Initializer initializer = uniform_half, std::int64_t size = 1000) {
  HostDevice device;
  Params params(device);
  Graph graph;
  graph.parameter(name, {size}, initializer);
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

TEST_CASE("weights drawn in pieces are those of one stream") {
  const std::int64_t size = 200'003;
  const auto uniform = initial("w", 1, uniform_half, size);
  Philox generator(1, "w");
  CHECK(std::all_of(uniform.begin(), uniform.end(),
                    [&](float x) { return x == (2 * generator.uniform() - 1) * 0.5f; }));
  const auto normal = initial("w", 1, init::normal(0, 1), size);
  const auto at = [&](std::size_t i) {
    Philox from(1, "w");
    for (std::size_t skipped = 0; skipped < 2 * i; ++skipped) from.next();
    const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(from.uniform())));
    return static_cast<float>(
        radius * std::cos(2 * 3.14159265358979323846 * static_cast<double>(from.uniform())));
  };
  for (std::size_t i : {0u, 1u, 65'535u, 65'536u, 65'537u, 131'072u, 200'002u})
    CHECK(normal[i] == at(i));
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

TEST_CASE("given weights are taken as they are, when they are wanted") {
  std::vector<float> given(1000);
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = static_cast<float>(i);
  int calls = 0;
  const auto w = initial("w", 1, init::given([&] {
                           ++calls;
                           const auto bytes = std::as_bytes(std::span(given));
                           return std::vector<std::byte>(bytes.begin(), bytes.end());
                         }));
  CHECK(w == given);
  CHECK(calls == 1);
}

TEST_CASE("normal weights have their mean, deviation and share beyond two deviations") {
  const auto w = initial("w", 1, init::normal(3, 0.5));
  double mean = 0, square = 0;
  int beyond = 0;
  for (float x : w) {
    const double z = (static_cast<double>(x) - 3) / 0.5;
    mean += z / 1000;
    square += z * z / 1000;
    beyond += std::abs(z) > 2;
  }
  CHECK(std::abs(mean) < 0.1);
  CHECK(square == doctest::Approx(1.0).epsilon(0.1));
  CHECK(beyond > 25);  // 45 expected, with a deviation of 7
  CHECK(beyond < 70);
  // Box-Muller of the Philox stream, worked out in Python.
  CHECK(w[0] == doctest::Approx(3.2889087).epsilon(1e-6));
  CHECK(w[999] == doctest::Approx(3.5916442).epsilon(1e-6));
}

TEST_CASE("uniform weights lie between any two numbers") {
  const auto w = initial("w", 1, init::uniform(2, 5));
  CHECK(*std::min_element(w.begin(), w.end()) >= 2);
  CHECK(*std::min_element(w.begin(), w.end()) < 2.05f);
  CHECK(*std::max_element(w.begin(), w.end()) < 5);
  CHECK(*std::max_element(w.begin(), w.end()) > 4.95f);
}

// The expected numbers are the standard deviations that torch.nn.init documents.
TEST_CASE("Kaiming and Xavier look at the fans") {
  const Shape conv = {8, 3, 5, 2}, dense = {6, 10};  // window 15: fans 30 and 120; 10 and 6
  CHECK(init::fans(conv).in == 30);
  CHECK(init::fans(conv).out == 120);
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-12); };
  CHECK(init::kaiming_normal(conv).value == near(std::sqrt(2.0 / 30)));
  CHECK(init::kaiming_normal(conv, {.mode = init::Fan::out}).value == near(std::sqrt(2.0 / 120)));
  CHECK(init::kaiming_uniform(dense, {.a = std::sqrt(5.0)}).value == near(std::sqrt(1.0 / 10)));
  CHECK(init::kaiming_uniform(dense, {.nonlinearity = init::Nonlinearity::tanh}).value ==
        near(5.0 / 3 * std::sqrt(3.0 / 10)));
  CHECK(init::xavier_uniform(dense).value == near(std::sqrt(6.0 / 16)));
  CHECK(init::xavier_normal(conv, 2).value == near(2 * std::sqrt(2.0 / 150)));
  CHECK(init::layer_default(conv).value == near(1 / std::sqrt(30.0)));
  CHECK(init::gain(init::Nonlinearity::relu) == near(std::sqrt(2.0)));
  CHECK(init::gain(init::Nonlinearity::leaky_relu) == near(std::sqrt(2 / 1.0001)));
  CHECK(init::gain(init::Nonlinearity::sigmoid) == 1);
  CHECK(init::gain(init::Nonlinearity::selu) == 0.75);
  CHECK_THROWS_WITH_AS(init::kaiming_normal({7}),
                       "[init] weight has shape [7], expected at least 2 dimensions", Error);
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

TEST_CASE("what a graph adds lies side by side, in pieces that the device allows") {
  HostDevice device;
  Graph graph;
  graph.parameter("a", {4}, {});
  graph.parameter("b", {0}, {});
  graph.state("c", {DType::f32, {20}});
  const auto place = [](const Params& params, const char* name) {
    return params.entry(name).place;
  };
  Params together(device);
  together.add(graph, 1);
  CHECK(place(together, "a").offset == 0);
  CHECK(place(together, "b").offset == 64);
  CHECK(place(together, "c").offset == 128);
  CHECK(place(together, "c").buffer == place(together, "a").buffer);

  device.allow(200);
  Params apart(device);
  apart.add(graph, 1);
  CHECK(place(apart, "b").buffer == place(apart, "a").buffer);
  CHECK(place(apart, "c").buffer != place(apart, "a").buffer);
  CHECK(place(apart, "c").offset == 0);
  const std::vector<float> values(20, 3.0f);
  apart.write("c", std::as_bytes(std::span(values)));
  CHECK(apart.read_floats("c") == values);
  CHECK(apart.read_floats("a") == std::vector<float>(4));
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
                       "[params] 'w' needs 16 bytes (f32[4]), found 15", Error);
  counting.state("from one", {DType::i32, {1}}, {Initializer::Kind::constant, 1});
  CHECK_THROWS_AS(params.add(counting, 1), Error);
}

}  // namespace tessera
