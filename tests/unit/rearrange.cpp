// The functions that work out attributes for data movements, and what they refuse.
#include <doctest/doctest.h>

#include "tessera/layers.h"
#include "tessera/ops.h"
#include "tests/refusal.h"

namespace tessera {
TEST_CASE("shapes of data movements") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 4, 6, 12}});
  CHECK(permute(x, {0, -1, 1, 2}).shape() == Shape{2, 12, 4, 6});
  CHECK(transpose(x, 1, -1).shape() == Shape{2, 12, 6, 4});
  CHECK(slice(x, -1, 1, -1, 3).shape() == Shape{2, 4, 6, 4});
  CHECK(slice(x, 2, -100, 100).shape() == Shape{2, 4, 6, 12});
  CHECK(slice(x, 2, 4, 3).shape() == Shape{2, 4, 0, 12});
  const std::vector<Var> pieces = split(x, 5, 3);
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[2].shape() == Shape{2, 4, 6, 2});
  CHECK(concat(pieces, -1).shape() == x.shape());
  CHECK(squeeze(slice(x, 0, 1)).shape() == Shape{4, 6, 12});
  CHECK(squeeze(slice(x, 0, 1), {1, 0}).shape() == Shape{4, 6, 12});
  CHECK(unsqueeze(x, -1).shape() == Shape{2, 4, 6, 12, 1});
  CHECK(expand(slice(x, 0, 1), {3, 7, -1, 6, -1}).shape() == Shape{3, 7, 4, 6, 12});
  CHECK(pixel_shuffle(x, 2).shape() == Shape{2, 8, 12, 3});
  CHECK(pixel_unshuffle(x, 2).shape() == Shape{2, 2, 3, 48});
  CHECK(pad(x, {{0, 0}, {1, 2}, {-1, 0}, {0, 0}}).shape() == Shape{2, 7, 5, 12});
  CHECK(pad(x, {{0, 0}, {1, 2}, {3, 0}, {0, 0}}, PadMode::reflect).shape() == Shape{2, 7, 9, 12});
  CHECK(resize(x, {3, 17}).shape() == Shape{2, 3, 17, 12});
  CHECK(resize_by(x, {1.4, 2}, {Interpolation::bilinear}).shape() == Shape{2, 5, 12, 12});
}

TEST_CASE("data movements say what does not fit") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 3}});
  const Var other = graph.input("other", {DType::f32, {3, 3}});
  CHECK(refusal([&] { permute(x, {0, 0}, "n"); }) == "[permute] axis 0 is repeated (node 'n')");
  CHECK(refusal([&] { permute(x, {0}, "n"); }) ==
        "[permute] axes are [0], expected 2 of them (node 'n')");
  CHECK(refusal([&] { transpose(x, 0, 2, "n"); }) ==
        "[transpose] axis is 2, expected -2 to 1 (node 'n')");
  CHECK(refusal([&] { slice(x, 1, 0, 2, 0, "n"); }) ==
        "[slice] step is 0, expected at least 1 (node 'n')");
  CHECK(refusal([&] {
          split(x, {1, 1}, 1, "n");
        }) == "[split] sizes are [1,1], expected 3 in all (node 'n')");
  CHECK(refusal([&] {
          concat({x, other}, 1, "n");
        }) == "[concat] input 1 is f32[3,3], expected f32[2,3] but for dimension 1 (node 'n')");
  CHECK(refusal([&] {
          expand(x, {2, 5}, "n");
        }) == "[expand] f32[2,3] does not expand to [2,5] (node 'n')");
  CHECK(refusal([&] {
          pad(x, {{0, 0}, {-2, -2}}, 0, "n");
        }) == "[pad] widths -2 and -2 leave nothing of 3 elements (node 'n')");
  CHECK(refusal([&] {
          pad(x, {{0, 0}, {3, 0}}, PadMode::reflect, "n");
        }) == "[resample] widths are 3 and 0, expected 0 to 2 (reflect, 3 elements) (node 'n')");
  CHECK(refusal([&] {
          resize(x, {2, 2}, {}, "n");
        }) == "[resize] input is f32[2,3], expected 4 dimensions (node 'n')");
  CHECK(refusal([&] { pixel_shuffle(x, 2, "n"); }) ==
        "[pixel_shuffle] input is f32[2,3], expected 4 dimensions (node 'n')");
  CHECK(refusal([&] { dropout(x, step_counter(graph), 1.5, 0, "n"); }) ==
        "[dropout] p is 1.5, expected 0 to 1 (node 'n')");
}

TEST_CASE("a dropout layer is there in training only, each with a seed of its own") {
  Graph inference, training(Mode::training);
  const Var x = inference.input("x", {DType::f32, {2, 3}});
  CHECK(layers::dropout(x, "drop").id() == x.id());
  const Var y = training.input("x", {DType::f32, {2, 3}});
  layers::dropout(layers::dropout(y, "drop 1"), "drop 2", 0.2);
  REQUIRE(training.nodes().size() == 2);
  CHECK(training.node(0).attributes.integer("seed") != training.node(1).attributes.integer("seed"));
  CHECK(training.node(0).inputs[1] == training.node(1).inputs[1]);
  CHECK(training.node(1).attributes.number("p") == 0.2);
}

}  // namespace tessera
