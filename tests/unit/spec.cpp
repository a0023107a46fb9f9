// Element types, shapes and attributes.
#include "tessera/spec.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/base/checked_size.h"
#include "tessera/attributes.h"
#include "tessera/error.h"

namespace tessera {

TEST_CASE("a spec knows its size and prints itself") {
  const TensorSpec images{DType::u8, {64, 32, 32, 3}};
  CHECK(images.elements() == 64 * 32 * 32 * 3);
  CHECK(images.bytes() == 64 * 32 * 32 * 3);
  CHECK(TensorSpec{DType::f32, {64, 10}}.bytes() == 4 * 640);
  CHECK(TensorSpec{DType::i32, {}}.bytes() == 4);
  CHECK(TensorSpec{DType::f32, {3, 0}}.bytes() == 0);
  CHECK(to_string(images) == "u8[64,32,32,3]");
  CHECK(to_string(TensorSpec{DType::f32, {}}) == "f32[]");
  CHECK(to_string(DType::i32) == "i32");
}

TEST_CASE("dimensions count from both ends") {
  const TensorSpec spec{DType::f32, {2, 3, 5}};
  CHECK(spec.dim(0) == 2);
  CHECK(spec.dim(-1) == 5);
  CHECK(spec.dim(-3) == 2);
  CHECK_THROWS_WITH_AS(spec.dim(3), "[shape] axis 3 of f32[2,3,5]", Error);
  CHECK_THROWS_WITH_AS(spec.dim(-4), "[shape] axis -4 of f32[2,3,5]", Error);
}

TEST_CASE("specs are equal when type and shape are") {
  const TensorSpec spec{DType::f32, {2, 3}};
  CHECK(spec == TensorSpec{DType::f32, {2, 3}});
  CHECK(spec != TensorSpec{DType::i32, {2, 3}});
  CHECK(spec != TensorSpec{DType::f32, {3, 2}});
}

TEST_CASE("impossible shapes are refused") {
  CHECK_THROWS_WITH_AS(element_count({2, -1}), "[shape] negative dimension in [2,-1]", Error);
  const std::int64_t large = std::int64_t{1} << 32;
  CHECK_THROWS_WITH_AS(element_count({large, large}),
                       "[shape] too many elements in [4294967296,4294967296]", Error);
  const std::int64_t most = std::int64_t{1} << 62;
  CHECK(TensorSpec{DType::u8, {most}}.bytes() == std::size_t{1} << 62);
  CHECK_THROWS_WITH_AS((TensorSpec{DType::f32, {most}}.bytes()),
                       "[shape] too many bytes in f32[4611686018427387904]", Error);
}

TEST_CASE("sizes that do not fit throw and name themselves") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(checked_product({3, 5, 7}, "product") == 105);
  CHECK(checked_product({}, "product") == 1);
  CHECK(checked_add(most, 0, "sum") == most);
  CHECK_THROWS_WITH_AS(checked_add(most, 1, "end of the window"),
                       "[size] end of the window does not fit into 63 bits", Error);
  CHECK_THROWS_AS(checked_sub(-most, 2, "difference"), Error);
  CHECK_THROWS_AS(checked_mul(most, 2, "bytes"), Error);
  CHECK_THROWS_AS(checked_product({1 << 20, most, 0}, "elements"), Error);
}

TEST_CASE("attributes are found by name and type") {
  const Attributes attributes = {{"groups", std::int64_t{2}},
                                 {"momentum", 0.9},
                                 {"mode", std::string("same")},
                                 {"stride", std::vector<std::int64_t>{1, 2}},
                                 {"mean", std::vector<double>{0.5}}};
  CHECK(attributes.integer("groups") == 2);
  CHECK(attributes.number("momentum") == 0.9);
  CHECK(attributes.text("mode") == "same");
  CHECK(attributes.integers("stride") == std::vector<std::int64_t>{1, 2});
  CHECK(attributes.numbers("mean") == std::vector<double>{0.5});
  CHECK(attributes.has("groups"));
  CHECK_FALSE(attributes.has("axes"));
  CHECK_THROWS_WITH_AS(attributes.integers("axes"), "attribute 'axes' is missing", Error);
  CHECK_THROWS_WITH_AS(attributes.number("groups"), "attribute 'groups' has another type", Error);
}

}  // namespace tessera
