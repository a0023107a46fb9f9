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

/// Runs `check` on each device that has the memory and takes the graph, whose largest tensor has
/// `elements`. A device that does not must say how many elements or bytes are too many.
template <typename Check>
void on_each_device(const Graph& graph, double bytes, std::int64_t elements, const Check& check) {
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
      executable = device->compile(Plan(graph, device->plan_options()), params);
    } catch (const Error& error) {
      CHECK(info.id != "cpu");
      // The device has none of that size, or its kernels cannot count them.
      const std::string message = error.what();
      MESSAGE(info.id, ": ", message);
      CHECK((message.find(std::to_string(elements)) != std::string::npos ||
             message.find(std::to_string(4 * elements)) != std::string::npos));
      continue;
    }
    check(*executable);
  }
}

TEST_CASE("the end of a long tensor of bytes") {
  Graph graph;
  const Var x = graph.input("x", {DType::u8, {rows, columns}});
  graph.set_output("y", slice(x, 0, -2));
  on_each_device(graph, 2.0 * rows * columns, rows * columns, [](Executable& executable) {
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
  on_each_device(graph, 4.0 * rows * columns, rows * columns, [&](Executable& executable) {
    executable.run();
    const auto sums = read_outputs(executable, graph)[0];
    CHECK(std::count(sums.begin(), sums.end(), static_cast<float>(columns)) == rows);
  });
}

// Images of 2^24 elements, so that each of them can be counted.
constexpr std::int64_t images = 128, side = 256, channels = 256, step = 16;
constexpr std::int64_t image_elements = images * side * side * channels;
static_assert(image_elements >= std::int64_t{1} << 31);

TEST_CASE("convolutions and pools of large images") {
  Graph graph;
  const Var x = graph.constant({images, side, side, channels}, 1);
  const Var w = graph.constant({2, 1, 1, channels}, 0.5);
  const Var y = conv2d(x, w, {}, {.stride = {step, step}});
  graph.set_output("y", y);
  auto attributes = graph.node(graph.value(y.id()).producer).attributes.all();
  attributes["kernel_size"] = std::vector<std::int64_t>{1, 1};
  const Var dy = graph.constant(y.shape(), 2);
  graph.set_output("dw", graph.add("conv2d_dw", {x, dy}, Attributes(attributes))[0]);
  graph.set_output("pool", max_pool2d(x, {.kernel = {step, step}}));
  on_each_device(graph, 4.0 * image_elements, image_elements, [&](Executable& executable) {
    for (const std::string& line : executable.describe()) MESSAGE(line);
    executable.run();
    const auto results = read_outputs(executable, graph);
    const float expected[] = {0.5f * channels, 2.0f * images * (side / step) * (side / step), 1};
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(std::count(results[i].begin(), results[i].end(), expected[i]) ==
            static_cast<std::ptrdiff_t>(results[i].size()));
  });
}

TEST_CASE("norms of large images") {
  Graph graph;
  const Var x = graph.constant({images, side, side, channels}, 3);
  const Var one = graph.constant({channels}, 1), two = graph.constant({channels}, 2);
  const Var y = graph.add("batch_norm_inference", {x, two, one}, {{"eps", 0.0}})[0];
  graph.set_output("y", sum(y, {1, 2, 3}));
  on_each_device(graph, 8.0 * image_elements, image_elements, [&](Executable& executable) {
    for (const std::string& line : executable.describe()) MESSAGE(line);
    executable.run();
    const auto sums = read_outputs(executable, graph)[0];
    CHECK(std::count(sums.begin(), sums.end(), static_cast<float>(side * side * channels)) ==
          images);
  });
}

}  // namespace
}  // namespace tessera
