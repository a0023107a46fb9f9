// Tensors of more than 2^31 elements, where there is memory for them: each device computes with
// them or says that it does not.
#include <doctest/doctest.h>

#include <algorithm>

#include "tessera/error.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tests/devices.h"
#include "tests/read_outputs.h"

namespace tessera {
namespace {

constexpr std::int64_t rows = (1 << 15) + 1, columns = 1 << 16;
static_assert(rows * columns > std::int64_t{1} << 31);

/// On each device that has the memory and takes the graph. A device that does not must say how many
/// elements are too many.
template <typename Check>
void on_each_device(const Graph& graph, double bytes, const Check& check) {
  for (const auto& device : open_usable_devices()) {
    const DeviceInfo& info = device->info();
    INFO("device: ", info.id);
    // Half of it again for the tests' own and for others.
    if (static_cast<double>(info.memory_bytes) < 1.5 * bytes) {
      MESSAGE(info.id, ": not tried, its memory is too small");
      continue;
    }
    Params params(*device);
    params.add(graph, 1);
    std::unique_ptr<Executable> executable;
    try {
      executable = device->compile(Plan(graph, {.alignment = device->buffer_alignment()}), params);
    } catch (const Error& error) {
      CHECK(info.id != "cpu");
      // The device has none of that size, or its kernels cannot count them.
      const std::string message = error.what();
      CAPTURE(message);
      CHECK((message.find(std::to_string(rows * columns)) != std::string::npos ||
             message.find(std::to_string(4 * rows * columns)) != std::string::npos));
      continue;
    }
    check(*executable);
  }
}

TEST_CASE("the end of a long tensor of bytes") {
  Graph graph;
  const Var x = graph.input("x", {DType::u8, {rows, columns}});
  graph.set_output("y", slice(x, 0, -2));
  on_each_device(graph, 2.0 * rows * columns, [](Executable& executable) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(rows * columns)), end(2 * columns);
    std::fill(bytes.end() - columns, bytes.end(), std::byte{7});
    executable.set_input("x", bytes);
    executable.run();
    executable.read_output("y", end);
    CHECK(std::count(end.begin(), end.begin() + columns, std::byte{0}) == columns);
    CHECK(std::count(end.begin() + columns, end.end(), std::byte{7}) == columns);
  });
}

TEST_CASE("the sums of a long tensor of floats") {
  Graph graph;
  graph.set_output("y", sum(graph.constant({rows, columns}, 1), {1}));
  on_each_device(graph, 4.0 * rows * columns, [&](Executable& executable) {
    executable.run();
    const auto sums = read_outputs(executable, graph)[0];
    CHECK(std::count(sums.begin(), sums.end(), static_cast<float>(columns)) == rows);
  });
}

}  // namespace
}  // namespace tessera
