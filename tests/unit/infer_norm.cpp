// What the normalizations check.
#include <doctest/doctest.h>

#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

struct Tensors {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {2, 3, 3, 6}});
  Var six = graph.input("six", {DType::f32, {6}}), var = graph.input("var", {DType::f32, {6}});
  Var five = graph.input("five", {DType::f32, {5}});
};

}  // namespace

TEST_CASE("normalizations check their inputs and attributes") {
  Tensors t;
  CHECK(batch_norm_inference(t.x, t.six, t.var).shape() == Shape{2, 3, 3, 6});
  CHECK_THROWS_WITH_AS(batch_norm(t.x, t.five, t.var, {}, {}, "n"),
                       "[batch_norm] running_mean has shape [5], expected [6] (node 'n')", Error);
  CHECK_THROWS_WITH_AS(batch_norm(t.x, t.six, t.var, {}, {.momentum = 2}, "n"),
                       "[batch_norm] momentum is 2, expected 0 to 1 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(batch_norm_inference(t.x, t.six, t.var, Affine{t.six, t.five}, 1e-5, "n"),
                       "[batch_norm_inference] bias has shape [5], expected [6] (node 'n')", Error);
  CHECK_THROWS_WITH_AS(group_norm(t.x, 4, {}, 1e-5, "n"),
                       "[normalize] input has 6 channels, expected a multiple of 4 groups (node "
                       "'n')",
                       Error);
  CHECK_THROWS_WITH_AS(group_norm(t.x, 0, {}, 1e-5, "n"),
                       "[normalize] groups is 0, expected at least 1 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(group_norm(t.x, 2, {}, -1, "n"),
                       "[normalize] eps is -1, expected at least 0 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(group_norm(t.six, 2, {}, 1e-5, "n"),
                       "[group_norm] input is f32[6], expected at least 2 dimensions (node 'n')",
                       Error);
  CHECK_THROWS_WITH_AS(layer_norm(t.x, 5, {}, 1e-5, "n"),
                       doctest::Contains("dimensions is 5, expected 1 to 4"), Error);
  CHECK_THROWS_WITH_AS(layer_norm(t.x, 1, Affine{t.six, t.five}, 1e-5, "n"),
                       doctest::Contains("has shape [5], expected [6]"), Error);
}

}  // namespace tessera
