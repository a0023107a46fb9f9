// What each op checks, and the shapes it works out.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

#include "engine/ops/conv2d.h"
#include "tessera/error.h"
#include "tessera/layers.h"

namespace tessera {
namespace {

using Integers = std::vector<std::int64_t>;

/// A graph with an input for each spec, in order.
struct Inputs {
  Graph graph;
  std::vector<Var> vars;
  explicit Inputs(const std::vector<TensorSpec>& specs) {
    for (const TensorSpec& spec : specs)
      vars.push_back(graph.input(fmt::format("input {}", vars.size()), spec));
  }
};

TensorSpec f32(Shape shape) { return {DType::f32, std::move(shape)}; }
TensorSpec i32(Shape shape) { return {DType::i32, std::move(shape)}; }
TensorSpec u8(Shape shape) { return {DType::u8, std::move(shape)}; }

/// The message of the error that appending `op` throws, without the node.
std::string refusal(const std::string& op, const std::vector<TensorSpec>& specs,
                    Attributes attributes = {}) {
  Inputs inputs(specs);
  try {
    inputs.graph.add(op, inputs.vars, std::move(attributes), "n");
  } catch (const Error& error) {
    const std::string message = error.what(), before = fmt::format("[{}] ", op),
                      after = " (node 'n')";
    REQUIRE(message.size() > before.size() + after.size());
    CHECK(message.substr(0, before.size()) == before);
    CHECK(message.substr(message.size() - after.size()) == after);
    return message.substr(before.size(), message.size() - before.size() - after.size());
  }
  return "accepted";
}

std::vector<TensorSpec> outputs(const std::string& op, const std::vector<TensorSpec>& specs,
                                Attributes attributes = {}) {
  Inputs inputs(specs);
  std::vector<TensorSpec> result;
  for (const Var& y : inputs.graph.add(op, inputs.vars, std::move(attributes)))
    result.push_back(y.spec());
  return result;
}

Attributes convolution(Integers stride = {1, 1}, Integers padding = {0, 0},
                       Integers dilation = {1, 1}, std::int64_t groups = 1) {
  if (padding.size() == 2) padding = {padding[0], padding[0], padding[1], padding[1]};
  return {{"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"groups", groups}};
}
Attributes convolution_with(const char* name, Integers size) {
  return {{"stride", Integers{1, 1}},
          {"padding", Integers{0, 0, 0, 0}},
          {"dilation", Integers{1, 1}},
          {"groups", std::int64_t{1}},
          {name, std::move(size)}};
}
Attributes pooling(Integers kernel, Integers stride, Integers padding) {
  return {
      {"kernel", kernel}, {"stride", stride}, {"padding", padding}, {"ceil_mode", std::int64_t{0}}};
}
Attributes transposed(std::int64_t a, std::int64_t b) {
  return {{"transpose_a", a}, {"transpose_b", b}};
}
Attributes image(std::int64_t padding, std::vector<double> mean, std::vector<double> deviation) {
  return {{"padding", padding}, {"mean", mean}, {"deviation", deviation}};
}

struct Images {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {2, 11, 14, 6}});
  Var parameter(const std::string& name, Shape shape) {
    return graph.parameter(name, std::move(shape), {});
  }
  const Attributes& last() const { return graph.nodes().back().attributes; }
};

}  // namespace

TEST_CASE("conv2d works out its output") {
  const auto y = [](const Attributes& attributes) {
    return outputs("conv2d", {f32({2, 11, 13, 4}), f32({6, 3, 5, 4})}, attributes)[0];
  };
  CHECK(y(convolution()) == f32({2, 9, 9, 6}));
  CHECK(y(convolution({2, 3})) == f32({2, 5, 3, 6}));
  CHECK(y(convolution({1, 1}, {1, 2})) == f32({2, 11, 13, 6}));
  CHECK(y(convolution({1, 1}, {1, 0, 0, 2})) == f32({2, 10, 11, 6}));
  CHECK(y(convolution({1, 1}, {0, 0}, {5, 3})) == f32({2, 1, 1, 6}));
  CHECK(outputs("conv2d", {f32({0, 5, 5, 4}), f32({6, 3, 3, 2}), f32({6})},
                convolution({1, 1}, {0, 0}, {1, 1}, 2))[0] == f32({0, 3, 3, 6}));
}

TEST_CASE("conv2d checks") {
  const TensorSpec x = f32({2, 11, 13, 4}), w = f32({6, 3, 5, 4});
  const auto check = [&](const Attributes& attributes) {
    return refusal("conv2d", {x, w}, attributes);
  };
  CHECK(refusal("conv2d", {x}, convolution()) == "has 1 inputs, expected 2 to 4");
  CHECK(refusal("conv2d", {f32({2, 11, 13}), w}, convolution()) ==
        "input is f32[2,11,13], expected 4 dimensions");
  CHECK(refusal("conv2d", {u8({2, 11, 13, 4}), w}, convolution()) ==
        "input is u8[2,11,13,4], expected elements of type f32");
  CHECK(refusal("conv2d", {x, f32({6, 3})}, convolution()) ==
        "weight is f32[6,3], expected 4 dimensions");
  CHECK(refusal("conv2d", {x, f32({6, 3, 5, 3})}, convolution()) ==
        "weight has 3 input channels, expected 4");
  CHECK(refusal("conv2d", {x, w, f32({5})}, convolution()) == "bias has shape [5], expected [6]");
  CHECK(refusal("conv2d", {x, w, i32({6})}, convolution()) ==
        "bias is i32[6], expected elements of type f32");
  const TensorSpec y = f32({2, 9, 9, 6}), b = f32({6});
  CHECK(outputs("conv2d", {x, w, y}, convolution())[0] == y);
  CHECK(outputs("conv2d", {x, w, b, y}, convolution())[0] == y);
  CHECK(refusal("conv2d", {x, w, b, x}, convolution()) ==
        "residual has shape [2,11,13,4], expected [2,9,9,6]");
  CHECK(refusal("conv2d", {x, w, y, y}, convolution()) ==
        "has 4 inputs, expected two operands, a bias and a residual");
  CHECK(check(convolution({0, 1})) == "stride is [0,1], expected 2 numbers from 1 to 2147483647");
  CHECK(check(convolution({1})) == "stride is [1], expected 2 numbers from 1 to 2147483647");
  CHECK(check(convolution({1, 1}, {-1, 0})) ==
        "padding is [-1,-1,0,0], expected 4 numbers from 0 to 2147483647");
  CHECK(check(convolution({1, 1}, {1, 2, 3})) ==
        "padding is [1,2,3], expected 4 numbers from 0 to 2147483647");
  CHECK(check(convolution({1, 1}, {0, 0}, {1, 0})) ==
        "dilation is [1,0], expected 2 numbers from 1 to 2147483647");
  CHECK(check(convolution({1, 1}, {0, 0}, {1, 1}, 0)) == "groups is 0, expected at least 1");
  CHECK(check(convolution({1, 1}, {0, 0}, {1, 1}, 3)) ==
        "input has 4 channels, expected a multiple of 3 groups");
  CHECK(refusal("conv2d", {x, f32({5, 3, 5, 2})}, convolution({1, 1}, {0, 0}, {1, 1}, 2)) ==
        "weight has 5 output channels, expected a multiple of 2 groups");
  CHECK(check(convolution({1, 1}, {0, 0}, {6, 1})) == "kernel covers 13 rows, expected at most 11");
  CHECK(check(convolution({1, 1}, {0, 1}, {1, 4})) ==
        "kernel covers 17 columns, expected at most 15");
  CHECK(check({}) == "attribute 'stride' is missing");
}

TEST_CASE("the gradients of conv2d check") {
  const TensorSpec dy = f32({2, 9, 9, 6}), w = f32({6, 3, 5, 4}), x = f32({2, 11, 13, 4});
  CHECK(outputs("conv2d_dx", {dy, w}, convolution_with("input_size", {11, 13}))[0] == x);
  CHECK(outputs("conv2d_dw", {x, dy}, convolution_with("kernel_size", {3, 5}))[0] == w);
  CHECK(refusal("conv2d_dx", {dy, w}, convolution()) == "attribute 'input_size' is missing");
  CHECK(refusal("conv2d_dx", {dy, w}, convolution_with("input_size", {11})) ==
        "input_size is [11], expected two numbers");
  CHECK(refusal("conv2d_dx", {dy, w}, convolution_with("input_size", {12, 13})) ==
        "dy has shape [2,9,9,6], expected [2,10,9,6]");
  CHECK(refusal("conv2d_dw", {x, dy}, convolution_with("kernel_size", {2, 5})) ==
        "dy has shape [2,9,9,6], expected [2,10,9,6]");
  CHECK(refusal("conv2d_dw", {x, f32({1, 9, 9, 6})}, convolution_with("kernel_size", {3, 5})) ==
        "dy has shape [1,9,9,6], expected [2,9,9,6]");
}

TEST_CASE("padding may differ from side to side and keep the size") {
  Images images;
  const Var w = images.parameter("w", {8, 3, 4, 6});
  CHECK(conv2d(images.x, w, {}, {.padding = {1, 2}}).shape() == Shape{2, 11, 15, 8});
  CHECK(images.last().integers("padding") == Integers{1, 1, 2, 2});
  CHECK(conv2d(images.x, w, {}, {.padding = {1, 2, 3, 4}}).shape() == Shape{2, 12, 18, 8});
  CHECK(images.last().integers("padding") == Integers{1, 2, 3, 4});
  CHECK(conv2d(images.x, w, {}, {.padding = Padding2d::same()}).shape() == Shape{2, 11, 14, 8});
  CHECK(images.last().integers("padding") == Integers{1, 1, 1, 2});
  CHECK(conv2d(images.x, w, {}, {.padding = Padding2d::same_lower()}).shape() ==
        Shape{2, 11, 14, 8});
  CHECK(images.last().integers("padding") == Integers{1, 1, 2, 1});
  const Conv2dOptions strided = {
      .stride = {2, 5}, .padding = Padding2d::same(), .dilation = {2, 1}};
  CHECK(conv2d(images.x, w, {}, strided).shape() == Shape{2, 6, 3, 8});
  CHECK(images.last().integers("padding") == Integers{2, 2, 0, 0});
}

TEST_CASE("conv1d is a convolution of one row") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 11, 6}});
  const Var w = graph.parameter("w", {4, 3, 3}, {}), b = graph.parameter("b", {4}, {});
  const Conv1dOptions options = {.stride = 2, .padding = {1, 0}, .dilation = 3, .groups = 2};
  CHECK(conv1d(x, w, b, options).shape() == Shape{2, 3, 4});
  CHECK_THROWS_WITH_AS(conv1d(reshape(x, {2, 11, 3, 2}), w, {}, {}, "c"),
                       "[conv1d] input is f32[2,11,3,2], expected 3 dimensions (node 'c')", Error);
}

TEST_CASE("conv_transpose2d works out its size and checks") {
  Images images;
  const Var w = images.parameter("w", {6, 3, 4, 5}), b = images.parameter("b", {10});
  const ConvTranspose2dOptions options = {
      .stride = {2, 3}, .padding = {1, 2}, .output_padding = {1, 2}, .groups = 2};
  CHECK(conv_transpose2d(images.x, w, b, options).shape() == Shape{2, 22, 41, 10});
  const auto refusal = [&](Var weight, const ConvTranspose2dOptions& with) -> std::string {
    try {
      conv_transpose2d(images.x, weight, {}, with, "up");
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  CHECK(refusal(w, {.stride = {2, 2}, .output_padding = {0, 2}}) ==
        "[conv_transpose2d] output_padding is 2, expected at least 0 and less than the stride 2 or "
        "the dilation 1 (node 'up')");
  CHECK(conv_transpose2d(
            images.x, w, {},
            {.padding = {0, 1, 0, 0}, .output_padding = {2, 1}, .dilation = {3, 2}, .groups = 2})
            .shape()[1] == 11 + 3 * 2 + 1 - 1 + 2 - 1);
  CHECK(refusal(w, {.padding = {7, 0}}) ==
        "[conv_transpose2d] padding cuts off 14 of 13 rows, expected less (node 'up')");
  CHECK(refusal(w, {.padding = Padding2d::same()}) ==
        "[conv_transpose2d] padding is 'same', expected numbers (node 'up')");
  CHECK(refusal(images.parameter("v", {5, 3, 4, 5}), {}) ==
        "[conv_transpose2d] weight has 5 input channels, expected 6 (node 'up')");
  CHECK_THROWS_WITH_AS(conv_transpose2d(images.x, w, b, {}, "up"),
                       "[conv_transpose2d] bias has shape [10], expected [5] (node 'up')", Error);
}

TEST_CASE("layers make the parameters of convolutions") {
  Images images;
  const auto shape = [&](const char* name) {
    return images.graph.value(images.graph.find(name)).spec.shape;
  };
  layers::conv2d(images.x, "a", 9, {3, 1}, {.groups = 3, .bias = false});
  CHECK(shape("a.weight") == Shape{9, 3, 1, 2});
  CHECK_THROWS_AS(shape("a.bias"), Error);
  CHECK(layers::conv_transpose2d(images.x, "up", 8, 2, {.stride = {2, 2}, .groups = 2}).shape() ==
        Shape{2, 22, 28, 8});
  CHECK(shape("up.weight") == Shape{6, 2, 2, 4});
  CHECK(shape("up.bias") == Shape{8});
  CHECK(images.graph.value(images.graph.find("up.bias")).initializer.value == 0.25);
  CHECK_THROWS_WITH_AS(layers::conv2d(images.x, "b", 8, 3, {.groups = 4}),
                       "[conv2d] 6 input channels do not divide into 4 groups (node 'b')", Error);
}

TEST_CASE("the geometry of a convolution counts its operations") {
  const Conv2dGeometry g = conv2d_geometry({2, 11, 13, 4}, {6, 3, 5, 2}, {2, 5, 9, 6},
                                           convolution({2, 1}, {0, 0}, {1, 1}, 2));
  CHECK(g.K == 6);
  CHECK(g.Q == 9);
  CHECK(g.stride_h == 2);
  CHECK(g.flops() == 2.0 * 2 * 5 * 9 * 6 * 3 * 5 * 2);
}

TEST_CASE("max_pool2d works out its output and checks") {
  const TensorSpec x = f32({2, 7, 9, 3});
  const auto y = outputs("max_pool2d", {x}, pooling({3, 2}, {2, 3}, {1, 0}));
  REQUIRE(y.size() == 2);
  CHECK(y[0] == f32({2, 4, 3, 3}));
  CHECK(y[1] == u8({2, 4, 3, 3}));
  const auto check = [&](const Attributes& attributes) {
    return refusal("max_pool2d", {x}, attributes);
  };
  CHECK(refusal("max_pool2d", {f32({7, 9, 3})}, pooling({2, 2}, {2, 2}, {0, 0})) ==
        "input is f32[7,9,3], expected 4 dimensions");
  CHECK(check(pooling({0, 2}, {2, 2}, {0, 0})) ==
        "kernel is [0,2], expected 2 numbers from 1 to 2147483647");
  CHECK(check(pooling({2, 2}, {2, 0}, {0, 0})) ==
        "stride is [2,0], expected 2 numbers from 1 to 2147483647");
  CHECK(check(pooling({2, 2}, {2, 2}, {0, 2})) ==
        "padding is 2, expected at most half of kernel 2");
  CHECK(check(pooling({8, 2}, {2, 2}, {0, 0})) == "kernel covers 8 rows, expected at most 7");
  CHECK(check(pooling({17, 17}, {1, 1}, {8, 8})) ==
        "kernel has 289 elements, expected at most 256");
}

TEST_CASE("the gradient of max_pool2d checks") {
  Attributes attributes = {{"kernel", Integers{2, 2}},
                           {"stride", Integers{2, 2}},
                           {"padding", Integers{0, 0}},
                           {"ceil_mode", std::int64_t{0}},
                           {"input_size", Integers{7, 9}}};
  const Shape y = {2, 3, 4, 5};
  CHECK(outputs("max_pool2d_dx", {f32(y), u8(y)}, attributes)[0] == f32({2, 7, 9, 5}));
  CHECK(refusal("max_pool2d_dx", {f32(y), f32(y)}, attributes) ==
        "index is f32[2,3,4,5], expected elements of type u8");
  CHECK(refusal("max_pool2d_dx", {f32(y), u8({2, 3, 4, 6})}, attributes) ==
        "index has shape [2,3,4,6], expected [2,3,4,5]");
  CHECK(refusal("max_pool2d_dx", {f32({2, 3, 3, 5}), u8(y)}, attributes) ==
        "dy has shape [2,3,3,5], expected [2,3,4,5]");
}

TEST_CASE("matmul works out its output and checks") {
  CHECK(outputs("matmul", {f32({5, 3}), f32({3, 7})}, transposed(0, 0))[0] == f32({5, 7}));
  CHECK(outputs("matmul", {f32({3, 5}), f32({7, 3}), f32({7})}, transposed(1, 1))[0] ==
        f32({5, 7}));
  CHECK(outputs("matmul", {f32({2, 4, 5, 3}), f32({2, 4, 3, 7})}, transposed(0, 0))[0] ==
        f32({2, 4, 5, 7}));
  CHECK(refusal("matmul", {f32({5}), f32({5, 7})}, transposed(0, 0)) ==
        "a is f32[5], expected at least 2 dimensions");
  CHECK(refusal("matmul", {f32({2, 5, 3}), f32({3, 3, 7})}, transposed(0, 0)) ==
        "b is f32[3,3,7], expected the leading dimensions [2]");
  CHECK(refusal("matmul", {f32({5, 3}), f32({4, 7})}, transposed(0, 0)) ==
        "b has depth 4, expected 3 as in a f32[5,3]");
  CHECK(refusal("matmul", {f32({5, 3}), f32({3, 7}), f32({5})}, transposed(0, 0)) ==
        "bias has shape [5], expected [7]");
  CHECK(refusal("matmul", {f32({5, 3}), f32({3, 7})}, transposed(2, 0)) ==
        "transpose_a is 2, expected 0 or 1");
  CHECK(refusal("matmul", {f32({5, 3}), i32({3, 7})}, transposed(0, 0)) ==
        "b is i32[3,7], expected elements of type f32");
}

TEST_CASE("dense checks in its own words") {
  Inputs in({f32({4, 5}), f32({3, 5}), f32({3, 6}), f32({2, 2, 5})});
  CHECK(dense(in.vars[0], in.vars[1]).spec() == f32({4, 3}));
  CHECK_THROWS_WITH_AS(dense(in.vars[0], in.vars[2], {}, "fc"),
                       "[dense] weight has 6 input features, expected 5 (node 'fc')", Error);
  CHECK(dense(in.vars[3], in.vars[1]).spec() == f32({2, 2, 3}));
  CHECK_THROWS_WITH_AS(dense(in.vars[0], in.vars[3], {}, "fc"),
                       "[dense] weight is f32[2,2,5], expected 2 dimensions (node 'fc')", Error);
}

TEST_CASE("element-wise ops check") {
  CHECK(outputs("relu", {f32({2, 3})})[0] == f32({2, 3}));
  CHECK(refusal("relu", {i32({2})}) == "input is i32[2], expected elements of type f32");
  CHECK(refusal("relu", {f32({2}), f32({2})}) == "has 2 inputs, expected 1");
  CHECK(refusal("relu_dx", {f32({2}), f32({3})}) == "dy has shape [3], expected [2]");
  CHECK(outputs("add", {f32({3, 1}), f32({2, 1, 5})})[0] == f32({2, 3, 5}));
  CHECK(outputs("add", {f32({}), f32({4})})[0] == f32({4}));
  CHECK(outputs("add", {f32({0, 3}), f32({1, 3})})[0] == f32({0, 3}));
  CHECK(refusal("add", {f32({3, 2}), f32({3})}) ==
        "b has shape [3], expected one that broadcasts with [3,2]");
  CHECK(refusal("add", {f32({3}), u8({3})}) == "b is u8[3], expected elements of type f32");
}

TEST_CASE("reshape checks") {
  CHECK(refusal("reshape", {f32({2, 3})}, {{"shape", Integers{5}}}) ==
        "shape [5] has 5 elements, expected 6 as f32[2,3]");
  CHECK(outputs("reshape", {u8({2, 3})}, {{"shape", Integers{6}}})[0] == u8({6}));

  Inputs in({f32({2, 3, 5})});
  const Var x = in.vars[0];
  CHECK(reshape(x, {-1, 10}).spec() == f32({3, 10}));
  CHECK(flatten(x).spec() == f32({2, 15}));
  CHECK_THROWS_WITH_AS(reshape(x, {-1, 7}, "r"),
                       "[reshape] f32[2,3,5] does not divide into rows of 7 elements (node 'r')",
                       Error);
}

TEST_CASE("softmax_cross_entropy checks") {
  const auto y = outputs("softmax_cross_entropy", {f32({4, 10}), i32({4})});
  REQUIRE(y.size() == 2);
  CHECK(y[0] == f32({1}));
  CHECK(y[1] == f32({4, 10}));
  CHECK(refusal("softmax_cross_entropy", {f32({4, 10}), i32({5})}) ==
        "labels has shape [5], expected [4]");
  CHECK(refusal("softmax_cross_entropy", {f32({4, 10}), f32({4})}) ==
        "labels is f32[4], expected elements of type i32");
  CHECK(refusal("softmax_cross_entropy", {f32({0, 10}), i32({0})}) ==
        "logits has shape [0,10], expected at least one row and class");
  CHECK(outputs("softmax_cross_entropy_dx", {f32({4, 10}), i32({4}), f32({1})})[0] == f32({4, 10}));
  const auto both = outputs("softmax_cross_entropy_and_dx", {f32({4, 10}), i32({4}), f32({1})});
  CHECK(both == std::vector<TensorSpec>{f32({1}), f32({4, 10})});
  CHECK(refusal("softmax_cross_entropy_dx", {f32({4, 10}), i32({4}), f32({4})}) ==
        "dloss has shape [4], expected [1]");
}

TEST_CASE("image_to_float checks") {
  const TensorSpec x = u8({2, 5, 7, 3});
  CHECK(outputs("image_to_float", {x}, image(2, {0, 0, 0}, {1, 1, 1}))[0] == f32({2, 9, 11, 3}));
  CHECK(refusal("image_to_float", {f32({2, 5, 7, 3})}, image(0, {0, 0, 0}, {1, 1, 1})) ==
        "input is f32[2,5,7,3], expected elements of type u8");
  CHECK(refusal("image_to_float", {x}, image(-1, {0, 0, 0}, {1, 1, 1})) ==
        "padding is -1, expected 0 to 2147483647");
  CHECK(refusal("image_to_float", {x}, image(0, {0, 0}, {1, 1, 1})) ==
        "mean has 2 numbers, expected one for each of 3 channels");
  CHECK(refusal("image_to_float", {x}, image(0, {0, 0, 0}, {1, 0, 1})) ==
        "deviation has a number that is not above 0");
}

TEST_CASE("updates in place check") {
  const TensorSpec w = f32({3, 2}), lr = f32({1});
  CHECK(refusal("sgd_step", {w, w, w, lr}, {{"momentum", 1.5}}) ==
        "momentum is 1.5, expected 0 to 1");
  CHECK(refusal("sgd_step", {w, f32({2, 3}), w, lr}, {{"momentum", 0.9}}) ==
        "gradient has shape [2,3], expected [3,2]");
  CHECK(refusal("sgd_step", {w, w, f32({6}), lr}, {{"momentum", 0.9}}) ==
        "momentum buffer has shape [6], expected [3,2]");
  CHECK(refusal("sgd_step", {w, w, w, f32({2})}, {{"momentum", 0.9}}) ==
        "learning rate has shape [2], expected [1]");
  CHECK(refusal("sgd_step", {w, w, w, lr},
                {{"momentum", 0.9}, {"weight_decay", -0.1}, {"nesterov", std::int64_t{0}}}) ==
        "weight_decay is -0.1, expected at least 0");
  CHECK(refusal("adam_step", {w, w, w, w, lr, lr}) ==
        "step is f32[1], expected elements of type i32");
  CHECK(refusal("adagrad_step", {w, w, lr}) == "has 3 inputs, expected 4");
  CHECK(refusal("rmsprop_step", {w, w, w, f32({6}), lr}) ==
        "momentum buffer has shape [6], expected [3,2]");
  CHECK(outputs("blend", {w, w, lr}) == std::vector<TensorSpec>{w});
  const TensorSpec b = f32({5});
  CHECK(outputs("blend", {w, b, w, b, lr}) == std::vector<TensorSpec>{w, b});
  CHECK(refusal("blend", {w, b, b, w, lr}) == "gradient has shape [5], expected [3,2]");
  CHECK(refusal("blend", {w, b, w, lr}) == "has 4 inputs, expected 3");
  CHECK(refusal(
            "adagrad_step", {w, b, w, b, w, b, lr},
            {{"eps", 1e-8}, {"weight_decay", 0.0}, {"weight_decays", std::vector<double>{0.1}}}) ==
        "there are 1 weight_decays, expected 2");
  CHECK(refusal("adagrad_step", {w, b, w, b, w, b, lr},
                {{"eps", 1e-8},
                 {"weight_decay", 0.0},
                 {"weight_decays", std::vector<double>{0.1, -1}}}) ==
        "weight_decays has -1, expected at least 0");
  CHECK(refusal("global_norm", {}) == "has 0 inputs, expected at least 1");
  CHECK(outputs("record", {f32({1}), f32({9}), i32({1})}) ==
        std::vector<TensorSpec>{f32({9}), i32({1})});
  CHECK(refusal("record", {f32({2}), f32({9}), i32({1})}) == "input has shape [2], expected [1]");
  CHECK(refusal("record", {f32({1}), f32({0}), i32({1})}) ==
        "history has no elements, expected at least 1");
  CHECK(refusal("record", {f32({1}), f32({9}), f32({1})}) ==
        "counter is f32[1], expected elements of type i32");
}

}  // namespace tessera
