// Ops of a program's own: shapes, gradient, both backends, refusals; and the check of gradients, by
// right and by wrong ones.
#include "tessera/custom_op.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tessera/autograd.h"
#include "tessera/gradient_check.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/devices.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

// y[n,j] = sum over k of a[n,k] * w[k]^j for j < J, which no op of the library computes alike.
constexpr const char* moments_source = R"(
#ifndef POWERS
#define POWERS 3
#endif
__kernel void moments(__global const float* x, __global const float* w, __global float* y,
                      int rows, int columns, float scale) {
  const int n = get_global_id(0);
  if (n >= rows) return;
  float sums[POWERS];
  for (int j = 0; j < POWERS; ++j) sums[j] = 0.0f;
  for (int k = 0; k < columns; ++k) {
    float power = scale;
    for (int j = 0; j < POWERS; ++j) {
      sums[j] += x[n * columns + k] * power;
      power *= w[k];
    }
  }
  for (int j = 0; j < POWERS; ++j) y[n * POWERS + j] = sums[j];
}
)";

std::vector<TensorSpec> infer(const InferContext& context) {
  const Shape& x = context.inputs.at(0).shape;
  if (x.size() != 2) throw Error("x has shape " + to_string(x) + ", expected 2 dimensions");
  return {{DType::f32, {x[0], context.attributes.integer("powers")}}};
}

std::vector<KernelLaunch> launches(const CustomNode& node) {
  const Shape& x = node.inputs[0].shape;
  return {{.kernel = "moments",
           .arguments = {InputBuffer{0}, InputBuffer{1}, OutputBuffer{0}, x[0], x[1],
                         node.attributes.number("scale")},
           .global = {static_cast<std::size_t>(x[0]), 1, 1},
           .macros = {{"POWERS", std::to_string(node.attributes.integer("powers"))}}}};
}

void compute(const CpuNode& node, const CpuThreads& threads) {
  const auto x = node.input(0), w = node.input(1);
  const auto y = node.output(0);
  const auto K = w.size(), J = static_cast<std::size_t>(node.outputs[0].shape[1]);
  const auto scale = static_cast<float>(node.attributes.number("scale"));
  threads(node.inputs[0].shape[0], 100, [&](std::int64_t begin, std::int64_t end) {
    for (auto n = static_cast<std::size_t>(begin); n < static_cast<std::size_t>(end); ++n)
      for (std::size_t j = 0; j < J; ++j) {
        float total = 0;
        for (std::size_t k = 0; k < K; ++k)
          total += x[n * K + k] * scale * std::pow(w[k], static_cast<float>(j));
        y[n * J + j] = total;
      }
  });
}

/// dx = scale * dy v^T, v[k,j] = w[k]^j, of ops of the library; w gets none here.
void gradient(GradientContext& context) {
  const Var w = context.input(1), dy = context.dy();
  Var power = context.graph().constant(w.shape(), context.attributes().number("scale"));
  std::vector<Var> powers;
  for (std::int64_t j = 0; j < dy.shape()[1]; ++j) {
    powers.push_back(reshape(power, {1, w.shape()[0]}));
    power = mul(power, w);
  }
  context.set(0, matmul(dy, concat(powers, 0)));
}

const CustomOp moments({.name = "moments",
                        .infer = infer,
                        .gradient = gradient,
                        .cpu = compute,
                        .opencl = OpenclKernels{moments_source, launches}});

const Attributes attributes = {{"powers", std::int64_t{5}}, {"scale", 0.5}};

std::vector<float> run(Device& device, const Graph& graph,
                       const std::map<std::string, std::vector<float>>& inputs) {
  Params params(device);
  params.add(graph, 1);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (const auto& [name, values] : inputs)
    executable->set_input(name, std::as_bytes(std::span(values)));
  executable->run();
  std::vector<float> y(static_cast<std::size_t>(graph.value(graph.find("y")).spec.elements()));
  executable->read_output("y", std::as_writable_bytes(std::span(y)));
  return y;
}

TEST_CASE("a custom op computes on every device") {
  constexpr std::size_t N = 67, K = 13, J = 5;
  std::vector<float> x(N * K), w(K);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5f;
  for (std::size_t k = 0; k < K; ++k) w[k] = static_cast<float>(k) / K - 0.4f;
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    Graph graph;
    const Var in = graph.input("x", {DType::f32, {N, K}});
    const Var y = graph.add(moments, {in, graph.input("w", {DType::f32, {K}})}, attributes)[0];
    graph.set_output("y", mul(y, y));  // between ops of the library
    const std::vector<float> found = run(*device, graph, {{"x", x}, {"w", w}});
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t j = 0; j < J; ++j) {
        double expected = 0;
        for (std::size_t k = 0; k < K; ++k)
          expected += 0.5 * double{x[n * K + k]} * std::pow(double{w[k]}, static_cast<double>(j));
        CHECK(found[n * J + j] == doctest::Approx(expected * expected).epsilon(1e-4));
      }
  }
}

TEST_CASE("one call checks the gradient of a custom op") {
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto of_x = [](Graph& graph, const std::vector<Var>& in) {
      return graph.add(moments, {in[0], graph.constant({7}, 0.75)}, attributes)[0];
    };
    CHECK(check_gradients(*device, {{"x", {DType::f32, {3, 7}}}}, of_x) < 1e-4);
  }
}

TEST_CASE("a custom op is refused where something is missing or wrong") {
  const auto device = open_device("cpu");
  const auto compiled = [&](Device& on, const CustomOp& op) {
    return refusal([&] {
      Graph graph;
      graph.set_output("y", graph.add(op,
                                      {graph.input("x", {DType::f32, {2, 3}}),
                                       graph.input("w", {DType::f32, {3}})},
                                      attributes, "m1")[0]);
      run(on, graph, {});
    });
  };
  const CustomOp opencl_only(
      {.name = "opencl_only", .infer = infer, .opencl = OpenclKernels{moments_source, launches}});
  CHECK(compiled(*device, opencl_only) ==
        "[opencl_only] no algorithm for the CPU (custom refused: the op has no implementation for "
        "the CPU) (node 'm1')");
  const CustomOp cpu_only({.name = "cpu_only", .infer = infer, .cpu = compute});
  const CustomOp broken({.name = "broken",
                         .infer = infer,
                         .opencl = OpenclKernels{"__kernel void moments( {\n", launches}});
  const CustomOp other_kernel({.name = "other_kernel",
                               .infer = infer,
                               .opencl = OpenclKernels{"__kernel void k(int i) {}\n", launches}});
  const CustomOp bad_index(
      {.name = "bad_index",
       .infer = infer,
       .opencl = OpenclKernels{moments_source, [](const CustomNode&) -> std::vector<KernelLaunch> {
                                 return {{.kernel = "moments", .arguments = {InputBuffer{2}}}};
                               }}});
  for (const auto& opencl : open_usable_devices()) {
    if (opencl->info().id == "cpu") continue;
    CHECK(compiled(*opencl, cpu_only) ==
          "[cpu_only] no algorithm for OpenCL (custom refused: the op has no kernels for OpenCL "
          "devices) (node 'm1')");
    CHECK(compiled(*opencl, broken).starts_with("[custom/broken.cl:1] "));
    CHECK(compiled(*opencl, other_kernel).find("kernel 'moments' of custom/other_kernel.cl") !=
          std::string::npos);
    CHECK(compiled(*opencl, bad_index) ==
          "[bad_index] kernel 'moments' is given input 2, the node has 2 (node 'm1')");
    const CustomOp again(
        {.name = "broken", .infer = infer, .opencl = OpenclKernels{moments_source, launches}});
    CHECK(compiled(*opencl, again) ==
          "[custom/broken.cl] this device has a kernel file of that name with another text");
  }
  Graph graph;
  CHECK(refusal([&] {
          graph.add(moments, {graph.input("x", {DType::f32, {3}})}, {}, "m");
        }) == "[moments] x has shape [3], expected 2 dimensions (node 'm')");
  const auto made = [](CustomOpDefinition definition) {
    return refusal([&] { CustomOp{std::move(definition)}; });
  };
  CHECK(made({.name = "relu", .infer = infer, .cpu = compute}) ==
        "[custom op] 'relu' is the name of a built-in op");
  CHECK(made({.name = "a b", .infer = infer, .cpu = compute}) ==
        "[custom op] the name is 'a b', expected letters, digits and '_'");
  CHECK(made({.name = "a", .cpu = compute}) == "[a] a custom op has no 'infer'");
  CHECK(made({.name = "a", .infer = infer}) == "[a] a custom op has neither 'cpu' nor 'opencl'");
}

TEST_CASE("gradients of the library's ops pass the check, kinks and whole numbers included") {
  const TensorSpec image = {DType::f32, {2, 5, 4, 3}};
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto check = [&](const std::vector<CheckedInput>& inputs, const auto& build) {
      CHECK(check_gradients(*device, inputs, build) < 2e-3);
    };
    check({{"x", image}, {"w", {DType::f32, {4, 3, 3, 3}}}, {"b", {DType::f32, {4}}}},
          [](Graph&, const std::vector<Var>& in) {
            return gelu(conv2d(in[0], in[1], in[2], {.padding = {1, 1}}));
          });
    check({{"x", image}}, [](Graph&, const std::vector<Var>& in) { return relu(in[0]); });
    check({{"x", {DType::f32, {4, 6}}}, {"label", {DType::i32, {4}}, {0, 5, 2, 2}}},
          [](Graph&, const std::vector<Var>& in) {
            return softmax_cross_entropy(in[0], in[1]).loss;
          });
  }
}

TEST_CASE("a wrong gradient does not pass the check") {
  static const CustomOp wrong({.name = "wrong",
                               .infer = [](const InferContext& c) { return c.inputs; },
                               .gradient = [](GradientContext& c) { c.set(0, c.dy()); },
                               .cpu =
                                   [](const CpuNode& node, const CpuThreads&) {
                                     for (std::size_t i = 0; i < node.input(0).size(); ++i)
                                       node.output(0)[i] = 1.01f * node.input(0)[i];
                                   }});
  const auto device = open_device("cpu");
  const auto build = [](Graph& graph, const std::vector<Var>& in) {
    return graph.add(wrong, in)[0];
  };
  const std::string message = refusal([&] {
    check_gradients(*device, {{"x", {DType::f32, {3}}}}, build);
  });
  CHECK_MESSAGE(message.starts_with("[check_gradients] the gradient of 'x' [3] at element 0 is "),
                message);
  CHECK(message.find("finite differences on cpu are ") != std::string::npos);
  const auto steps = [](Graph&, const std::vector<Var>& in) { return abs(in[0]); };
  const CheckedInput near_kinks{"x", {DType::f32, {3}}, {0.001, 1, 0}};
  CHECK(refusal([&] {
          check_gradients(*device, {near_kinks}, steps);
        }).find("2 of 3 elements of 'x' are at kinks") != std::string::npos);
}

}  // namespace
}  // namespace tessera
