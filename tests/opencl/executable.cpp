// What an OpenCL executable promises besides right results: inputs that overlap with runs, memory
// limits, launch checks, and algorithms that agree.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "backends/opencl/runtime/launch.h"
#include "engine/base/philox.h"
#include "tessera/autograd.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/opencl/devices.h"

// After cl.h, which says which OpenCL is meant.
#include <clblast.h>

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/matmul_params.h"

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

/// Floats in [-1,1), other types small whole numbers.
std::vector<std::byte> random_bytes(const Value& value) {
  Philox generator(static_cast<unsigned char>(value.name[0]), "opencl");
  std::vector<std::byte> bytes(value.spec.bytes());
  const std::size_t step = size_of(value.spec.dtype);
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    const float number = 2 * generator.uniform() - 1;
    if (value.spec.dtype == DType::f32)
      std::memcpy(&bytes[i], &number, step);
    else
      bytes[i] = static_cast<std::byte>(generator.below(3));
  }
  return bytes;
}

struct Run {
  std::vector<std::vector<float>> outputs;
  std::vector<std::string> description;
};

/// Compiles and runs a graph once, with random inputs.
Run run_with(const std::string& id, const std::string& algorithms, const Graph& graph,
             bool as_gpu = false) {
  const Setting setting("TESSERA_OPENCL_ALGORITHM", algorithms);
  const auto device = as_gpu ? open_as_gpu(id) : open_opencl(id);
  Params params(*device);
  const auto executable = device->compile(Plan(graph), params);
  for (const Value& value : graph.values())
    if (value.role == Role::input) executable->set_input(value.name, random_bytes(value));
  executable->run();
  Run run;
  run.description = executable->describe();
  for (const auto& output : graph.outputs()) {
    run.outputs.emplace_back(static_cast<std::size_t>(graph.value(output.value).spec.elements()));
    executable->read_output(output.name, std::as_writable_bytes(std::span(run.outputs.back())));
  }
  return run;
}

void check_agree(const std::string& id, const Graph& graph, const std::string& op,
                 const std::vector<std::string>& algorithms) {
  const Run expected = run_with(id, op + "=naive", graph);
  CHECK(expected.description[0].find(op + " naive") != std::string::npos);
  for (const std::string& algorithm : algorithms)
    for (bool as_gpu : {false, true}) {
      const Run found = run_with(id, op + "=" + algorithm, graph, as_gpu);
      CAPTURE(found.description[0]);
      CAPTURE(as_gpu);
      for (std::size_t i = 0; i < expected.outputs[0].size(); ++i)
        if (!(std::abs(found.outputs[0][i] - expected.outputs[0][i]) <= 1e-4)) {
          FAIL_CHECK(fmt::format("element {} is {}, expected {}", i, found.outputs[0][i],
                                 expected.outputs[0][i]));
          break;
        }
    }
}

Graph product(const Shape& a, const Shape& b, const MatmulOptions& options, bool bias) {
  Graph graph;
  const Var x = graph.input("a", {DType::f32, a}), y = graph.input("b", {DType::f32, b});
  const std::int64_t columns = options.transpose_b ? b[b.size() - 2] : b.back();
  std::optional<Var> c;
  if (bias) c = graph.input("c", {DType::f32, {columns}});
  graph.set_output("y", matmul(x, y, options, c));
  return graph;
}

Graph convolution(const std::string& op, Shape x, Shape w, const Conv2dOptions& options) {
  Graph graph;
  const Var image = graph.input("x", {DType::f32, x}), filter = graph.input("w", {DType::f32, w});
  Graph shapes;
  const Shape y =
      conv2d(shapes.input("x", {DType::f32, x}), shapes.input("w", {DType::f32, w}), {}, options)
          .shape();
  const auto pair = [](std::array<std::int64_t, 2> values) {
    return std::vector<std::int64_t>(values.begin(), values.end());
  };
  Attributes attributes = {
      {"stride", pair(options.stride)},
      {"padding", std::vector<std::int64_t>{options.padding.top, options.padding.bottom,
                                            options.padding.left, options.padding.right}},
      {"dilation", pair(options.dilation)},
      {"groups", options.groups},
      {"input_size", std::vector<std::int64_t>{x[1], x[2]}},
      {"kernel_size", std::vector<std::int64_t>{w[1], w[2]}}};
  if (op == "conv2d") {
    graph.set_output(
        "y", graph.add(op, {image, filter, graph.input("b", {DType::f32, {w[0]}})}, attributes)[0]);
    return graph;
  }
  const Var dy = graph.input("dy", {DType::f32, y});
  graph.set_output("y", op == "conv2d_dx" ? graph.add(op, {dy, filter}, attributes)[0]
                                          : graph.add(op, {image, dy}, attributes)[0]);
  return graph;
}

}  // namespace

TEST_CASE("algorithms for matmul agree") {
  for (const std::string& id : usable_ids())
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        for (std::int64_t batch : {1, 3}) {
          CAPTURE(ta);
          CAPTURE(tb);
          CAPTURE(batch);
          const std::int64_t M = 13, N = 37, K = 21;
          check_agree(id,
                      product({batch, ta ? K : M, ta ? M : K}, {batch, tb ? N : K, tb ? K : N},
                              {ta, tb}, batch == 3),
                      "matmul", {"tile", "clblast"});
        }
}

// CLBlast copies large operands to temporary memory when they are not whole tiles, when they are
// transposed, and when they do not start at offset 0, as in all products of a batch but the first.
TEST_CASE("CLBlast's algorithm for large operands agrees") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    // What is large depends on the device; here everything is.
    REQUIRE(clblast::OverrideParameters(
                device->cl_device()(), "GemmRoutine", clblast::Precision::kSingle,
                {{"XGEMM_MIN_INDIRECT_SIZE", 1}}) == clblast::StatusCode::kSuccess);
    check_agree(id, product({2, 130, 140}, {2, 140, 150}, {}, true), "matmul", {"clblast"});
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        CAPTURE(ta);
        CAPTURE(tb);
        check_agree(id, product({3, 256, 256}, {3, 256, 256}, {ta, tb}, false), "matmul",
                    {"clblast"});
      }
  }
}

TEST_CASE("algorithms for convolutions agree") {
  const struct {
    Shape x, w;
    Conv2dOptions options;
  } shapes[] = {
      {{2, 9, 10, 3}, {6, 5, 5, 3}, {}},
      {{2, 9, 10, 5}, {20, 3, 3, 5}, {{1, 1}, {1, 1}, {1, 1}, 1}},
      {{2, 11, 8, 4}, {9, 3, 3, 2}, {{2, 3}, {2, 0}, {1, 1}, 1}},
      {{1, 12, 13, 6}, {40, 3, 2, 3}, {{1, 2}, {2, 1}, {2, 3}, 2}},
      {{3, 7, 7, 8}, {8, 3, 3, 1}, {{2, 2}, {1, 1}, {1, 1}, 8}},
      {{2, 5, 6, 7}, {18, 1, 1, 7}, {{3, 2}, {0, 0}, {1, 1}, 1}},
      {{1, 17, 16, 2}, {3, 3, 3, 2}, {{4, 4}, {3, 1}, {2, 6}, 1}},
  };
  for (const std::string& id : usable_ids())
    for (const auto& shape : shapes) {
      Shape w = shape.w;
      w[3] = shape.x[3] / shape.options.groups;
      w[0] -= w[0] % shape.options.groups;
      CAPTURE(to_string(shape.x));
      CAPTURE(to_string(w));
      for (const char* op : {"conv2d", "conv2d_dx"})
        check_agree(id, convolution(op, shape.x, w, shape.options), op, {"tile"});
      check_agree(id, convolution("conv2d_dw", shape.x, w, shape.options), "conv2d_dw",
                  {"blocked", "tile"});
    }
}

TEST_CASE("launches for GPUs and for CPUs agree") {
  Graph graph;
  const Var x = graph.input("x", {DType::u8, {3, 9, 11, 3}});
  const Var w = graph.input("w", {DType::f32, {6, 3, 3, 3}});
  const Var image = image_to_float(x, {.padding = 1, .mean = {0.1, 0.2, 0.3}, .deviation = {}});
  const Var y = max_pool2d(relu(conv2d(image, w)), {{3, 2}, {2, 2}, {1, 0}});
  const Var row = sum(y, {0, 2}, {.keepdim = true});
  const Var flat = flatten(add(y, row));
  const Var logits = matmul(flat, graph.input("v", {DType::f32, {flat.shape()[1], 5}}));
  const CrossEntropy loss = softmax_cross_entropy(logits, graph.input("l", {DType::i32, {3}}));
  graph.set_output("p", loss.probabilities);
  for (const Var& gradient : gradients(sum(logits), {w, flat}))
    graph.set_output(fmt::format("d{}", gradient.id()), gradient);
  graph.set_output("all", sum(image));
  for (const std::string& id : usable_ids()) {
    const Run cpu = run_with(id, "", graph), gpu = run_with(id, "", graph, true);
    for (std::size_t k = 0; k < cpu.outputs.size(); ++k)
      for (std::size_t i = 0; i < cpu.outputs[k].size(); ++i)
        CHECK(gpu.outputs[k][i] == doctest::Approx(cpu.outputs[k][i]).epsilon(1e-4));
  }
}

TEST_CASE("an unknown algorithm is an error") {
  for (const std::string& id : usable_ids())
    for (const char* value : {"matmul=fastest", "matmull=tile", "matmul", "=", "matmul=tile,x=y"}) {
      const Setting setting("TESSERA_OPENCL_ALGORITHM", value);
      CHECK_THROWS_WITH_AS(open_device(id), doctest::Contains("TESSERA_OPENCL_ALGORITHM"), Error);
    }
}

// Inputs are given faster than the device takes them; each run must still see its own.
TEST_CASE("inputs may be set while earlier runs go on") {
  constexpr std::int32_t runs = 300;
  constexpr std::int64_t size = 100000;
  for (const std::string& id : usable_ids()) {
    const auto device = open_device(id);
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {size}});
    const Var history = graph.state("history", {DType::f32, {runs}});
    record(reshape(sum(x), {1}), history, graph.state("counter", {DType::i32, {1}}));
    Params params(*device);
    params.add(graph, 1);
    const auto executable = device->compile(Plan(graph), params);
    CHECK_THROWS_WITH_AS(executable->run(), doctest::Contains("'x' has not been set"), Error);
    std::vector<float> values(size);
    for (std::int32_t i = 0; i < runs; ++i) {
      if (i % 7 == 3) {  // one that no run takes
        values.assign(size, -1.0f);
        executable->set_input("x", bytes_of(values));
      }
      values.assign(size, static_cast<float>(i % 100));
      executable->set_input("x", bytes_of(values));
      values.assign(size, -2.0f);
      executable->run();
    }
    const std::vector<float> sums = params.read_floats("history");
    for (std::int32_t i = 0; i < runs; ++i)
      REQUIRE(sums[static_cast<std::size_t>(i)] == static_cast<float>(i % 100) * size);
  }
}

TEST_CASE("too much memory is refused before the driver is asked") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_device(id);
    const auto most = static_cast<std::size_t>(device->info().max_allocation_bytes);
    CHECK_THROWS_WITH_AS(device->allocate(most + 1),
                         doctest::Contains(fmt::format("{}", most + 1).c_str()), Error);
    std::vector<std::unique_ptr<Buffer>> buffers;
    CHECK_THROWS_WITH_AS(
        [&] {
          for (int i = 0; i < 1000; ++i) buffers.push_back(device->allocate(most));
        }(),
        doctest::Contains("are in use"), Error);
    buffers.clear();
    CHECK_NOTHROW(device->allocate(most));
  }
}

TEST_CASE("all memory of a plan is counted, and asked for before any of it is taken") {
  for (const std::string& id : usable_ids()) {
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {1000, 100}});
    graph.set_output("y", add(sum(x, {0}), graph.constant({100}, 1.0)));
    const auto opened = open_opencl(id);
    Traits traits = opened->traits();
    const auto message = [&](std::uint64_t memory) -> std::string {
      traits.global_memory = memory;
      OpenclDevice device(opened->cl_device(), opened->info(), traits);
      Params params(device);
      try {
        const auto executable = device.compile(Plan(graph, device.plan_options()), params);
        CHECK_THROWS_WITH_AS(device.allocate(1), doctest::Contains("are in use"), Error);
      } catch (const Error& error) {
        CHECK_NOTHROW(device.allocate(memory));  // all of it is free again
        return error.what();
      }
      return "";
    };
    const std::string refused = message(1000);
    CAPTURE(refused);
    std::size_t needed = 0;
    REQUIRE(std::sscanf(refused.c_str() + refused.find("] "), "] %zu bytes are needed", &needed) ==
            1);
    CHECK(needed > 5 * 400000);  // the input in the arena, and twice on either side of the copy
    CHECK(refused.find("inputs 1600000") != refused.npos);
    CHECK(refused.ends_with("0 of 1000 are in use"));
    CHECK(message(needed - 1).find(fmt::format("{} bytes are needed (", needed)) != refused.npos);
    CHECK(message(needed).empty());
  }
}

TEST_CASE("an unknown name is answered with those that there are") {
  Graph graph;
  const Var a = graph.input("a", {DType::f32, {2}}), b = graph.input("b", {DType::f32, {2}});
  graph.set_output("c", add(a, b));
  graph.set_output("d", relu(a));
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    Params params(*device);
    const auto executable = device->compile(Plan(graph, device->plan_options()), params);
    CHECK_THROWS_WITH_AS(executable->set_input("z", {}),
                         "[opencl] there is no input 'z'; there are: a, b", Error);
    CHECK_THROWS_WITH_AS(executable->read_output("z", {}),
                         "[opencl] there is no output 'z'; there are: c, d", Error);
  }
}

TEST_CASE("launches are checked") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const auto make = [&](const Range& range, const auto&... arguments) {
      make_launch(device->programs().kernel("matmul.cl", Defines(), "matmul_finish"), range,
                  device->cl_device(), device->traits(), "matmul_finish", arguments...);
    };
    const cl::Buffer buffer(device->context(), CL_MEM_READ_WRITE, 64);
    const Epilogue epilogue = {buffer, {.has_residual = 0, .low = 0, .high = 1}};
    const MatmulFinishParams params = {.has_bias = 1, .N = 1, .slices = 1};
    CHECK_NOTHROW(make({}, buffer, buffer, params, epilogue, 1, 1));
    CHECK_THROWS_WITH_AS(make({}, buffer, buffer, params, epilogue, 1),
                         doctest::Contains("'matmul_finish' takes 7 arguments, found 6"), Error);
    CHECK_THROWS_WITH_AS(make({{1, 1, 1}, {device->traits().max_work_items[0] + 1, 1, 1}}, buffer,
                              buffer, 1, epilogue, 1, 1, 1),
                         doctest::Contains("expected at most"), Error);
  }
}

TEST_CASE("ids that name no device are errors") {
  for (const char* id : {"opencl", "opencl:0", "opencl:99:0", "opencl:0:99", "cuda:0"})
    CHECK_THROWS_AS(opencl::open_device(id), Error);
}

}  // namespace tessera::opencl
