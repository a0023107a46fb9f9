// Devices that allow small allocations only: values, parameters and workspace lie in several
// buffers, results are the same.
#include "tests/training/small_allocations.h"
#include "backends/opencl/lowering/blocks.h"
#include "tessera/error.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"
#include "tests/opencl/devices.h"
#include "tests/read_outputs.h"

namespace tessera::opencl {
namespace {

std::unique_ptr<OpenclDevice> open_limited(const std::string& id,
                                           std::uint64_t bytes = small_allocation) {
  const auto device = open_opencl(id);
  Traits traits = device->traits();
  traits.max_allocation = bytes;
  return std::make_unique<OpenclDevice>(device->cl_device(), device->info(), traits);
}

}  // namespace

TEST_CASE("a training in several arenas gives the bits of one in a single arena") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id), limited = open_limited(id);
    CHECK(limited->info().max_allocation_bytes == small_allocation);
    check_same_training(*device, *limited);
  }
}

TEST_CASE("no buffer is larger than allowed") {
  constexpr std::int64_t rows = 30, columns = 1 << 18;  // 30 MiB
  Graph graph;
  Var sum = graph.parameter("a", {rows, columns}, init::constant(1));
  sum = add(sum, graph.parameter("b", {rows, columns}, init::constant(2)));
  sum = add(sum, graph.parameter("c", {rows, columns}, init::constant(3)));
  sum = add(sum, graph.constant({rows, columns}, 4));
  sum = add(sum, graph.input("x", {DType::f32, {rows, columns}}));
  graph.set_output("y", sum);
  for (const std::string& id : usable_ids()) {
    const auto limited = open_limited(id);
    CHECK_THROWS_WITH_AS(limited->allocate(small_allocation + 1),
                         doctest::Contains("an allocation of 64.0 MiB (67108865 bytes) is needed; "
                                           "the device allows 64.0 MiB (67108864 bytes)"),
                         Error);
    Params params(*limited);
    params.add(graph, 1);
    for (const auto& [name, entry] : params.entries())
      CHECK(entry.place.buffer->bytes() <= small_allocation);
    CHECK(params.entry("a").place.buffer != params.entry("c").place.buffer);
    const auto executable = limited->compile(Plan(graph, limited->plan_options()), params);
    const auto arenas = executable->arenas();
    CHECK(arenas.size() == 3);
    for (const Buffer* arena : arenas) CHECK(arena->bytes() <= small_allocation);
    std::vector<float> x(rows * columns, 5);
    x.back() = 6;
    executable->set_input("x", std::as_bytes(std::span(x)));
    executable->run();
    const std::vector<float> y = read_outputs(*executable, graph)[0];
    CHECK(std::count(y.begin(), y.end() - 1, 15.0f) == rows * columns - 1);
    CHECK(y.back() == 16);
  }
}

TEST_CASE("a value that is larger than the device allows is named") {
  Graph graph;
  graph.set_output("y", relu(graph.input("large", {DType::f32, {1 << 18}}), "r"));
  for (const std::string& id : usable_ids()) {
    const auto limited = open_limited(id, 1 << 19);
    CHECK_THROWS_WITH_AS(Plan(graph, limited->plan_options()),
                         doctest::Contains("'large' f32[262144] needs an allocation of 1.0 MiB "
                                           "(1048576 bytes); the device allows 0.5 MiB"),
                         Error);
  }
}

TEST_CASE("memory in blocks") {
  Blocks blocks;
  const auto check = [&](std::size_t bytes, std::size_t block, std::size_t offset) {
    const auto place = blocks.take(bytes, 16, 100);
    CHECK(place.block == block);
    CHECK(place.offset == offset);
  };
  check(33, 0, 0);
  check(52, 0, 48);  // ends at the limit
  check(1, 1, 0);
  check(100, 2, 0);
  CHECK(blocks.sizes() == std::vector<std::size_t>{100, 16, 100});
  blocks.rewind();
  check(20, 0, 0);
  check(90, 1, 0);
  CHECK(blocks.sizes() == std::vector<std::size_t>{100, 96, 100});
  CHECK(blocks.all() == 296);
}

}  // namespace tessera::opencl
