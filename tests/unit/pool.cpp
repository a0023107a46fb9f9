// What the pooling functions append, and what they refuse.
#include <doctest/doctest.h>

#include "tessera/op.h"
#include "tessera/ops.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

struct Images {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {2, 9, 12, 5}});
  const Node& last() const { return graph.nodes().back(); }
};

}  // namespace

TEST_CASE("max_pool2d counts its places in bytes where it can") {
  Images i;
  CHECK(max_pool2d(i.x).shape() == Shape{2, 4, 6, 5});
  CHECK(i.last().op->name == "max_pool2d");
  CHECK(max_pool2d(i.x, {.ceil_mode = true}).shape() == Shape{2, 5, 6, 5});
  CHECK(i.last().op->name == "max_pool2d");
  CHECK(max_pool2d(i.x, {.kernel = {3, 3}, .stride = {2, 2}, .dilation = {2, 1}}).shape() ==
        Shape{2, 3, 5, 5});
  CHECK(i.last().op->name == "max_pool2d_windows");
  CHECK(adaptive_max_pool2d(i.x, {4, 13}).shape() == Shape{2, 4, 13, 5});
  CHECK(global_max_pool2d(i.x).shape() == Shape{2, 1, 1, 5});
  const Var large = i.graph.input("large", {DType::f32, {1, 20, 20, 1}});
  CHECK(max_pool2d(large, {.kernel = {17, 17}, .stride = {2, 2}}).shape() == Shape{1, 2, 2, 1});
  CHECK(i.last().op->name == "max_pool2d_windows");
}

TEST_CASE("without a stride windows lie side by side") {
  Images i;
  CHECK(max_pool2d(i.x, {.kernel = {3, 4}}).shape() == Shape{2, 3, 3, 5});
  CHECK(avg_pool2d(i.x, {.kernel = {3, 4}}).shape() == Shape{2, 3, 3, 5});
}

TEST_CASE("the last window of ceil_mode does not start in the padding") {
  Images i;
  const Pool2dOptions max = {
      .kernel = {2, 3}, .stride = {3, 2}, .padding = {1, 1}, .ceil_mode = true};
  CHECK(max_pool2d(i.x, max).shape() == Shape{2, 4, 7, 5});
  const AvgPool2dOptions mean = {
      .kernel = {2, 3}, .stride = {3, 2}, .padding = {1, 1}, .ceil_mode = true};
  CHECK(avg_pool2d(i.x, mean).shape() == Shape{2, 4, 7, 5});
  CHECK(avg_pool2d(i.x, {.kernel = {2, 2}, .stride = {2, 2}, .ceil_mode = true}).shape() ==
        Shape{2, 5, 6, 5});
}

TEST_CASE("in ceil_mode a window may be larger than the image") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 2, 1, 5}});
  CHECK(max_pool2d(x, {.ceil_mode = true}).shape() == Shape{2, 1, 1, 5});
  CHECK(avg_pool2d(x, {.ceil_mode = true}).shape() == Shape{2, 1, 1, 5});
  CHECK(refusal([&] { max_pool2d(x, {}, "n"); }) ==
        "[max_pool2d] kernel covers 2 columns, expected at most 1 (node 'n')");
  CHECK(refusal([&] {
          max_pool2d(x, {.kernel = {2, 3}, .stride = {2, 2}, .ceil_mode = true}, "n");
        }) == "[max_pool2d] kernel covers 3 columns, expected at most 2 (node 'n')");
}

TEST_CASE("means work axis by axis, of all pixels at once") {
  Images i;
  CHECK(adaptive_avg_pool2d(i.x, {4, 13}).shape() == Shape{2, 4, 13, 5});
  CHECK(i.graph.nodes().size() == 2);
  CHECK(global_avg_pool2d(i.x).shape() == Shape{2, 1, 1, 5});
  CHECK(i.graph.nodes().size() == 4);  // a view and one pass
}

TEST_CASE("poolings refuse what does not fit") {
  Images i;
  const Var flat = i.graph.input("flat", {DType::f32, {2, 9, 5}});
  CHECK(refusal([&] { avg_pool2d(flat, {}, "n"); }) ==
        "[avg_pool2d] input is f32[2,9,5], expected 4 dimensions (node 'n')");
  CHECK(refusal([&] {
          avg_pool2d(i.x, {.kernel = {10, 2}}, "n");
        }) == "[avg_pool2d] kernel covers 10 rows, expected at most 9 (node 'n')");
  CHECK(refusal([&] {
          avg_pool2d(i.x, {.padding = {0, 2}}, "n");
        }) == "[avg_pool2d] padding is 2, expected at most half of kernel 2 (node 'n')");
  CHECK(refusal([&] {
          avg_pool2d(i.x, {.stride = {-1, 1}}, "n");
        }) == "[avg_pool2d] stride is -1, expected 1 to 2147483647 (node 'n')");
  CHECK(
      refusal([&] {
        max_pool2d(i.x, {.dilation = {1, 0}}, "n");
      }) ==
      "[max_pool2d_windows] dilation is [1,0], expected 2 numbers from 1 to 2147483647 (node 'n')");
  CHECK(refusal([&] {
          max_pool2d(i.x, {.kernel = {3, 5}, .dilation = {1, 4}}, "n");
        }) == "[max_pool2d_windows] kernel covers 17 columns, expected at most 12 (node 'n')");
  CHECK(refusal([&] {
          adaptive_max_pool2d(i.x, {3, 0}, "n");
        }) ==
        "[max_pool2d_windows] output_size is [3,0], expected 2 numbers from 1 to 2147483647 (node "
        "'n')");
  CHECK(refusal([&] {
          adaptive_avg_pool2d(i.x, {0, 3}, "n");
        }) == "[resample] size is 0, expected 1 to 2147483647 (node 'n')");
}

}  // namespace tessera
