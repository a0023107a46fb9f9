// What the OpenCL backend does with tensors that its kernels cannot count: on devices that count to
// a few elements only, so that small tensors are large.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/philox.h"
#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/ops.h"
#include "tests/cases/run.h"
#include "tests/check_cases.h"
#include "tests/opencl/devices.h"
#include "tests/read_outputs.h"

namespace tessera::opencl {
namespace {

std::unique_ptr<OpenclDevice> open_counting_to(OpenclDevice& device, std::int64_t elements) {
  Traits traits = device.traits();
  traits.most_elements = elements;
  return std::make_unique<OpenclDevice>(device.cl_device(), device.info(), traits);
}

/// Whether the device takes a case, or says what it cannot count.
bool takes(const cases::Case& c, Device& device) {
  try {
    const cases::CaseRun run(c, device, cases::is_differentiable(c));
    return true;
  } catch (const Error& error) {
    const std::string message = error.what();
    INFO("case: ", c.op, ", ", c.name, ": ", message);
    CHECK(message.find("its kernels count to 100") != message.npos);
    CHECK(message.find("(node '") != message.npos);
    return false;
  }
}

}  // namespace
TEST_CASE("each op counts its tensors, or says which one it cannot count") {
  std::size_t taken = 0, refused = 0;
  for (const std::string& id : usable_ids())
    for (const bool as_gpu : {false, true}) {
      const auto opened = as_gpu ? open_as_gpu(id) : open_opencl(id);
      std::vector<CheckedDevice> devices;
      devices.push_back({"counts to 100", open_counting_to(*opened, 100)});
      for (const auto& list : {
#define TESSERA_OP_FAMILY(family) cases::family##_cases(),
#include "op_families.inc"
#undef TESSERA_OP_FAMILY
           })
        for (const cases::Case& c : list) {
          if (c.bench_only || c.flops + cases::bytes_moved(c) > 2e5) continue;
          const bool is_taken = takes(c, *devices[0].device);
          ++(is_taken ? taken : refused);
          if (is_taken) check_cases({c}, devices);
        }
    }
  MESSAGE(taken, " cases taken, ", refused, " refused");
  CHECK(taken > 4 * refused / 5);
  CHECK((refused > 0 || usable_ids().empty()));
}

namespace {

Results run(Device& device, const Graph& graph) {
  Params params(device);
  params.add(graph, 1);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (const Value& value : graph.values()) {
    if (value.role != Role::input) continue;
    Philox generator(1, value.name);
    std::vector<float> numbers(static_cast<std::size_t>(value.spec.elements()));
    for (float& number : numbers) number = 2 * generator.uniform() - 1;
    executable->set_input(value.name, std::as_bytes(std::span(numbers)));
  }
  executable->run();
  executable->run();
  Results results = read_outputs(*executable, graph);
  return results;
}

void check_equal(const Results& found, const Results& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    float most = 0;
    for (std::size_t k = 0; k < found[i].size(); ++k)
      most = std::max(most, std::abs(found[i][k] - expected[i][k]));
    CHECK(most <= 1e-5f);
  }
}

/// Checks that a node runs in so many pieces on a device that counts to `elements`, and gives what
/// it gives in one go.
void check_pieces(OpenclDevice& device, std::int64_t elements, const Graph& graph,
                  std::string_view op, std::size_t pieces) {
  const auto counting = open_counting_to(device, elements);
  Params params(*counting);
  params.add(graph, 1);
  const auto executable = counting->compile(Plan(graph, counting->plan_options()), params);
  std::size_t found = 0;
  for (const NodeChoice& choice : executable->choices())
    if (choice.op == op) {
      INFO(to_string(choice));
      CHECK(choice.pieces == pieces);
      ++found;
    }
  CHECK_MESSAGE(found > 0, "no ", op);
  check_equal(run(*counting, graph), run(device, graph));
}

}  // namespace

TEST_CASE("a node runs in pieces along its first dimension") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id), gpu = open_as_gpu(id);
    Graph convolution;
    Var x = convolution.input("x", {DType::f32, {7, 8, 8, 16}});  // 1024 elements an image
    const Var w = convolution.parameter("w", {16, 3, 3, 16}, {Initializer::Kind::uniform, 0.1});
    convolution.set_output("y", conv2d(x, w, {}, {.padding = {2, 2, 2, 2}, .dilation = {2, 2}}));
    check_pieces(*gpu, 2500, convolution, "conv2d", 4);
    Graph strided;
    x = strided.input("x", {DType::f32, {7, 16, 8, 16}});
    const Var v = strided.parameter("w", {16, 3, 3, 16}, {Initializer::Kind::uniform, 0.1});
    const Var z = conv2d(x, v, {}, {.stride = {2, 2}, .padding = {1, 1, 1, 1}});
    strided.set_output("dx", gradients(sum(mul(z, z), {0, 1, 2, 3}), {x})[0]);
    check_pieces(*gpu, 6000, strided, "conv2d_dx", 4);
    for (OpenclDevice* each : {device.get(), gpu.get()}) {
      Graph pool;
      x = pool.input("x", {DType::f32, {7, 8, 8, 64}});
      const Var y = max_pool2d(x, {.kernel = {2, 2}, .stride = {2, 2}});
      pool.set_output("y", y);
      pool.set_output("dx", gradients(sum(mul(y, y), {0, 1, 2, 3}), {x})[0]);
      check_pieces(*each, 14000, pool, "max_pool2d", 3);
      check_pieces(*each, 14000, pool, "max_pool2d_dx", 3);
      Graph rows;
      rows.set_output("y", softmax(rows.input("x", {DType::f32, {10, 32, 8}})));
      check_pieces(*each, 600, rows, "softmax", 5);
      Graph sums;
      sums.set_output("y", sum(sums.input("x", {DType::f32, {1536, 32}}), {1}));
      check_pieces(*each, 16484, sums, "sum", 3);
    }
  }
}

TEST_CASE("kernels with 64-bit offsets take more elements than others count, in one piece") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const auto counting = open_counting_to(*device, 100);  // or as many rows
    const auto pieces = [&](const char* op, const auto& append) {
      Graph graph;
      graph.set_output("y", append(graph.input("x", {DType::f32, {4, 3, 32}})));
      Params params(*counting);
      const auto executable = counting->compile(Plan(graph, counting->plan_options()), params);
      REQUIRE(executable->choices()[0].op == op);
      check_equal(run(*counting, graph), run(*device, graph));
      return executable->choices()[0].pieces;
    };
    CHECK(pieces("relu", [](Var x) { return relu(x); }) == 1);
    CHECK(pieces("permute", [](Var x) { return permute(x, {1, 0, 2}); }) == 1);
    CHECK(pieces("concat", [](Var x) { return concat({x, x}, 0); }) == 1);
    CHECK(pieces("argmax", [](Var x) { return argmax(x, 2); }) == 1);
    CHECK(pieces("normalize", [](Var x) { return layer_norm(x); }) == 1);
    CHECK(pieces("softmax", [](Var x) { return softmax(x); }) > 1);
  }
}

TEST_CASE("workspace that the device does not allow is made in pieces, or refuses an algorithm") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    Traits traits = device->traits();
    traits.max_allocation = 1 << 20;
    OpenclDevice limited(device->cl_device(), device->info(), traits);
    Graph graph;  // 1 MiB of x, more with zeros around it
    const Var x = graph.input("x", {DType::f32, {4, 64, 64, 16}});
    const Var w = graph.parameter("w", {16, 5, 5, 16}, {Initializer::Kind::uniform, 0.1});
    graph.set_output("y", conv2d(x, w, {}, {.padding = {2, 2, 2, 2}}));
    Params params(limited);
    params.add(graph, 1);
    const auto executable = limited.compile(Plan(graph, limited.plan_options()), params);
    INFO(to_string(executable->choices()[0]));
    CHECK(executable->choices()[0].pieces > 1);
    const Results whole = run(*device, graph), parts = run(limited, graph);
    for (std::size_t k = 0; k < whole[0].size(); ++k)
      if (!(std::abs(whole[0][k] - parts[0][k]) <= 1e-5f)) {
        FAIL_CHECK(fmt::format("element {} is {}, expected {}", k, parts[0][k], whole[0][k]));
        break;
      }
  }
}

// 2^31 elements and more, of which none is allocated.
TEST_CASE("candidates can count the tensors") {
  for (const std::string& id : usable_ids()) {
    const auto gpu = open_as_gpu(id);
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {100, 1024, 1024, 24}});  // 2516582400 elements
    const Var w = graph.parameter("w", {8, 3, 3, 24}, {});
    const Var y = conv2d(x, w, {}, {.padding = {1, 1, 1, 1}});
    graph.set_output("y", y);
    graph.set_output("flat", flip(graph.input("long", {DType::f32, {std::int64_t{1} << 31}}), {0}));
    CHECK_FALSE(gpu->candidates(graph, 0).empty());
    CHECK(gpu->candidates(graph, 1).empty());
  }
}

}  // namespace tessera::opencl
