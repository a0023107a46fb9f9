// Reductions of rows, made for every row of the table of engine/formulas/reductions.h. Long sums
// are made of the sums of blocks: rounding errors stay small.
#pragma once

#include <algorithm>
#include <numeric>

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/vector_math.h"

namespace TESSERA_CPU_NAMESPACE {

#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH)                         \
  struct NAME##_row {                                                            \
    static Vec identity() { return splat(IDENTITY); }                            \
    static Vec term(Vec x) { return splat(TERM); }                               \
    static Vec combine(Vec a, Vec b) { return splat(COMBINE); }                  \
    static Vec finish(Vec a, [[maybe_unused]] float n) { return splat(FINISH); } \
  };
#include "engine/formulas/reductions.h"
#undef REDUCTION

/// The same for what is combined already.
template <typename R>
struct Combined : R {
  static Vec term(Vec x) { return x; }
};

/// y[j] = the terms of x[row,j] of all rows, combined.
template <typename R>
void reduce_columns(const float* x, std::int64_t rows, std::int64_t width, float* y) {
  constexpr std::int64_t block_rows = 128;
  constexpr int most = 4;
  const Tail tail(width % lanes);
  for_vectors(width, tail,
              [&](std::int64_t j, const auto& access) { access.store(y + j, R::identity()); });
  for (std::int64_t begin = 0; begin < rows; begin += block_rows) {
    const std::int64_t end = std::min(rows, begin + block_rows);
    std::int64_t j = 0;
    for (; j + most * lanes <= width; j += most * lanes) {
      Vec block[most];
      repeat<most>([&](auto v) { block[v] = R::identity(); });
      for (std::int64_t row = begin; row < end; ++row)
        repeat<most>([&](auto v) {
          block[v] = R::combine(block[v], R::term(load(x + row * width + j + v * lanes)));
        });
      repeat<most>([&](auto v) {
        float* at = y + j + v * lanes;
        store(at, R::combine(load(at), block[v]));
      });
    }
    for_vectors(width - j, tail, [&](std::int64_t i, const auto& access) {
      Vec block = R::identity();
      for (std::int64_t row = begin; row < end; ++row)
        block = R::combine(block, R::term(access.load(x + row * width + j + i)));
      access.store(y + j + i, R::combine(access.load(y + j + i), block));
    });
  }
}

template <int by>
Vec rotated(Vec v) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, ((I + by) % lanes)...);
  }
  (std::make_integer_sequence<int, lanes>{});
}

/// All lanes combined, in each lane.
template <typename R, int width = lanes / 2>
Vec across(Vec v) {
  if constexpr (width == 0)
    return v;
  else
    return across<R, width / 2>(R::combine(v, rotated<width>(v)));
}

/// The terms of x[0..count), combined, in each lane.
template <typename R>
Vec reduce_run(const float* x, std::int64_t count) {
  constexpr std::int64_t block = 128 * lanes;
  constexpr int most = 4;
  Vec total = R::identity();
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t end = std::min(count, begin + block);
    Vec sums[most];
    repeat<most>([&](auto v) { sums[v] = R::identity(); });
    std::int64_t i = begin;
    for (; i + most * lanes <= end; i += most * lanes)
      repeat<most>(
          [&](auto v) { sums[v] = R::combine(sums[v], R::term(load(x + i + v * lanes))); });
    for (; i + lanes <= end; i += lanes) sums[0] = R::combine(sums[0], R::term(load(x + i)));
    if (i < end) {
      float rest[lanes];
      store(rest, R::identity());
      std::copy(x + i, x + end, rest);
      sums[1] = R::combine(sums[1], R::term(load(rest)));
    }
    total =
        R::combine(total, R::combine(R::combine(sums[0], sums[1]), R::combine(sums[2], sums[3])));
  }
  return across<R>(total);
}

template <typename R>
void reduce_rows(const float* x, std::int64_t rows, std::int64_t width, float* y) {
  if (width == 1)
    *y = reduce_run<R>(x, rows)[0];
  else
    reduce_columns<R>(x, rows, width, y);
}

/// How many rows of few columns stand side by side as a wide one, so that they fill whole vectors.
inline std::int64_t rows_together(std::int64_t columns) {
  constexpr std::int64_t enough = 4 * lanes;
  if (columns >= enough || columns <= 1) return 1;
  const std::int64_t whole = lanes / std::gcd(columns, std::int64_t{lanes});
  return whole * ((enough + whole * columns - 1) / (whole * columns));
}

/// Rows of `inner` numbers each, combined into y.
template <typename R>
void combine_rows(const float* x, std::int64_t rows, std::int64_t inner, float* y) {
  const Tail tail(inner % lanes);
  for (std::int64_t row = 0; row < rows; ++row)
    for_vectors(inner, tail, [&](std::int64_t j, const auto& access) {
      access.store(y + j,
                   R::combine(access.load(y + j), R::term(access.load(x + row * inner + j))));
    });
}

}  // namespace TESSERA_CPU_NAMESPACE
