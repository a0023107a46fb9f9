// What gathers, casts, batches of products and attention check, and the shapes they work out.
#include <doctest/doctest.h>

#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

struct Inputs {
  Graph graph;
  Var f32(const Shape& shape) { return input({DType::f32, shape}); }
  Var i32(const Shape& shape) { return input({DType::i32, shape}); }

 private:
  Var input(const TensorSpec& spec) {
    return graph.input("input" + std::to_string(graph.values().size()), spec);
  }
};

}  // namespace

TEST_CASE("gathers check") {
  Inputs in;
  const Var x = in.f32({2, 3, 5});
  CHECK(gather(x, in.i32({2, 7, 5}), 1).shape() == Shape{2, 7, 5});
  CHECK(gather(x, in.i32({1, 7, 4}), -2).shape() == Shape{1, 7, 4});
  CHECK(take(x, in.i32({4, 7}), 1).shape() == Shape{2, 4, 7, 5});
  CHECK(take(x, in.i32({}), -1).shape() == Shape{2, 3});
  CHECK(embedding(in.f32({9, 4}), in.i32({2, 3})).shape() == Shape{2, 3, 4});
  CHECK(one_hot(in.i32({2, 3}), 4).spec() == TensorSpec{DType::f32, {2, 3, 4}});
  CHECK_THROWS_WITH_AS(gather(x, in.i32({2, 7, 5}), 3, "n"),
                       "[gather] axis is 3, expected -3 to 2 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(gather(x, in.i32({2, 7}), 1, "n"),
                       "[gather] index is i32[2,7], expected 3 dimensions (node 'n')", Error);
  CHECK_THROWS_WITH_AS(gather(x, in.i32({3, 7, 5}), 1, "n"),
                       "[gather] index has shape [3,7,5], expected [2,7,5] (node 'n')", Error);
  CHECK_THROWS_WITH_AS(take(x, in.f32({7}), 1, "n"),
                       "[take] index is f32[7], expected elements of type i32 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(take(in.i32({7}), in.i32({7}), 0, "n"),
                       "[take] input is i32[7], expected elements of type f32 (node 'n')", Error);
  CHECK_THROWS_WITH_AS(embedding(x, in.i32({7}), "n"),
                       "[embedding] weight is f32[2,3,5], expected 2 dimensions (node 'n')", Error);
  CHECK_THROWS_WITH_AS(one_hot(in.i32({7}), 0, "n"),
                       "[one_hot] classes is 0, expected at least 1 (node 'n')", Error);
  const Var index = in.i32({3}), dy = in.f32({2, 4});
  CHECK_THROWS_WITH_AS(
      in.graph.add("take_dx", {index, dy}, {{"axis", std::int64_t{1}}, {"size", std::int64_t{9}}},
                   "n"),
      "[take_dx] dy has shape [2,4], expected the index shape [3] from axis 1 (node 'n')", Error);
}

TEST_CASE("the table of an embedding") {
  Inputs in;
  CHECK(layers::embedding(in.i32({2, 3}), "words", 11, 4).shape() == Shape{2, 3, 4});
  const Value& weight = in.graph.value(in.graph.find("words.weight"));
  CHECK(weight.spec == TensorSpec{DType::f32, {11, 4}});
  CHECK(weight.initializer.kind == Initializer::Kind::normal);
  CHECK(weight.initializer.value == 1);
}

TEST_CASE("casts check") {
  Inputs in;
  const Var x = in.f32({2});
  CHECK(cast(x, DType::u8).spec() == TensorSpec{DType::u8, {2}});
  CHECK(cast(x, DType::f32).id() == x.id());
  const auto refusal = [&](const char* to, const char* message) {
    CHECK_THROWS_WITH_AS(in.graph.add("cast", {x}, {{"to", std::string(to)}}, "n"), message, Error);
  };
  refusal("f16", "[cast] to is 'f16', expected 'f32', 'i32' or 'u8' (node 'n')");
  refusal("f32", "[cast] input is f32[2], expected another type than f32 (node 'n')");
}

TEST_CASE("batches of products broadcast") {
  Inputs in;
  const Var a = in.f32({2, 1, 3, 4});
  CHECK(matmul(a, in.f32({5, 4, 7})).shape() == Shape{2, 5, 3, 7});
  CHECK(matmul(a, in.f32({4, 7})).shape() == Shape{2, 1, 3, 7});
  CHECK_THROWS_WITH_AS(matmul(a, in.f32({3, 5, 4, 7}), {}, {}, "n"),
                       "[matmul] b is f32[3,5,4,7], expected leading dimensions that broadcast "
                       "with [2,1] (node 'n')",
                       Error);
  CHECK_THROWS_WITH_AS(matmul(a, in.f32({4}), {}, {}, "n"),
                       "[matmul] b is f32[4], expected at least 2 dimensions (node 'n')", Error);
  CHECK_THROWS_WITH_AS(matmul(a, in.f32({5, 7}), {}, {}, "n"),
                       "[matmul] b has depth 5, expected 4 as in a f32[6,4] (node 'n')", Error);
}

TEST_CASE("attention checks") {
  Inputs in;
  const Var q = in.f32({2, 3, 4}), k = in.f32({2, 5, 4}), v = in.f32({2, 5, 6});
  CHECK(scaled_dot_product_attention(q, k, v).shape() == Shape{2, 3, 6});
  const auto refusal = [](const Var& x, const Var& y, const Var& z, const AttentionOptions& options,
                          const char* message) {
    CHECK_THROWS_WITH_AS(scaled_dot_product_attention(x, y, z, options, "n"), message, Error);
  };
  refusal(q, v, v, {},
          "[scaled_dot_product_attention] k has 6 features, expected 4 as q (node 'n')");
  refusal(q, k, q, {}, "[scaled_dot_product_attention] v has 3 rows, expected 5 as k (node 'n')");
  refusal(q, k, in.f32({5}), {},
          "[scaled_dot_product_attention] v is f32[5], expected at least 2 dimensions (node 'n')");
  refusal(in.i32({2, 3}), k, v, {},
          "[scaled_dot_product_attention] q is i32[2,3], expected elements of type f32 (node 'n')");
  refusal(q, in.f32({0, 4}), in.f32({0, 4}), {},
          "[scaled_dot_product_attention] k is f32[0,4], expected at least one row (node 'n')");
  refusal(q, k, v, {.mask = in.f32({3, 5}), .is_causal = true},
          "[scaled_dot_product_attention] has a mask, expected none with is_causal (node 'n')");
}

}  // namespace tessera
