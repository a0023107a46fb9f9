// What reductions check, and the shapes they work out.
#include <doctest/doctest.h>

#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using Integers = std::vector<std::int64_t>;

struct Input {
  Graph graph;
  Var x;
  explicit Input(TensorSpec spec) : x(graph.input("x", std::move(spec))) {}
};

void check_refusal(const Input& in, const char* op, const Integers& axes, const char* message) {
  Graph graph = in.graph;
  CHECK_THROWS_WITH_AS(graph.add(op, {Var(graph, in.x.id())}, {{"axes", axes}}, "n"), message,
                       Error);
}

}  // namespace

TEST_CASE("axes of reductions") {
  Input in({DType::f32, {2, 3, 5}});
  const Var x = in.x;
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x, {}, {.keepdim = true}).shape() == Shape{1, 1, 1});
  CHECK(mean(x, {-1, 0}).shape() == Shape{3});
  CHECK(amax(x, {1}, {.keepdim = true}).shape() == Shape{2, 1, 5});
  CHECK(argmax(x, -2).spec() == TensorSpec{DType::i32, {2, 5}});
  CHECK(variance(x, {2}, {.keepdim = true}).shape() == Shape{2, 3, 1});
  CHECK(norm(x, 2, {0, 1}).shape() == Shape{5});
  CHECK(sum(in.graph.constant({}, 1)).shape() == Shape{});
  CHECK_THROWS_WITH_AS(sum(x, {3}, {}, "n"), "[sum] axis is 3, expected -3 to 2 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(amin(x, {-4}, {}, "n"), "[amin] axis is -4, expected -3 to 2 (node 'n')",
                       Error);
  CHECK_THROWS_WITH_AS(mean(x, {1, -2}, {}, "n"), "[mean] axis 1 is repeated (node 'n')", Error);
  CHECK_THROWS_WITH_AS(norm(x, 3, {}, {}, "n"),
                       "[norm] p is 3, expected 1, 2 or infinity (node 'n')", Error);
  check_refusal(in, "sum", {3}, "[sum] axis is 3, expected 0 to 2 (node 'n')");
  check_refusal(in, "sum", {-1}, "[sum] axis is -1, expected 0 to 2 (node 'n')");
  check_refusal(in, "argmax", {0, 1}, "[argmax] there are 2 axes, expected 1 (node 'n')");
}

TEST_CASE("softmax checks") {
  Input in({DType::f32, {2, 3}}), whole({DType::i32, {2}}), scalar({DType::f32, {}});
  CHECK(softmax(in.x, 0).spec() == TensorSpec{DType::f32, {2, 3}});
  CHECK(log_softmax(in.x).spec() == TensorSpec{DType::f32, {2, 3}});
  CHECK_THROWS_WITH_AS(softmax(in.x, 2, "n"), "[softmax] axis is 2, expected -2 to 1 (node 'n')",
                       Error);
  CHECK_THROWS_WITH_AS(log_softmax(whole.x, 0, "n"),
                       "[log_softmax] input is i32[2], expected elements of type f32 (node 'n')",
                       Error);
  CHECK_THROWS_WITH_AS(softmax(scalar.x, 0, "n"),
                       "[softmax] input is f32[], expected at least 1 dimension (node 'n')", Error);
}

TEST_CASE("elements of reductions") {
  Input whole({DType::i32, {2, 3}}), none({DType::f32, {0, 3}});
  check_refusal(whole, "sum", {0},
                "[sum] input is i32[2,3], expected elements of type f32 (node 'n')");
  check_refusal(none, "amax", {0},
                "[amax] input is f32[0,3], expected elements along axis 0 (node 'n')");
  check_refusal(none, "argmin", {0},
                "[argmin] input is f32[0,3], expected elements along axis 0 (node 'n')");
  CHECK(amax(none.x, {1}).shape() == Shape{0});
  CHECK(sum(none.x, {0}).shape() == Shape{3});
}

}  // namespace tessera
