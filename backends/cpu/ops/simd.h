// Vectors of floats as wide as the registers of the variant being compiled, and the register tile
// on which convolutions and matrix products are built. Everything here is written once for every
// instruction set, with the vector extension of GCC and Clang.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
inline constexpr int tile_vectors = 28;  ///< accumulators of a tile; some registers stay free
#elif defined(__AVX__)
inline constexpr int lanes = 8;
inline constexpr int tile_vectors = 12;
#else
inline constexpr int lanes = 4;
inline constexpr int tile_vectors = 12;
#endif

using Vec = float __attribute__((vector_size(lanes * sizeof(float))));
using IntVec = std::int32_t __attribute__((vector_size(lanes * sizeof(std::int32_t))));
using ByteVec = std::uint8_t __attribute__((vector_size(lanes)));

inline Vec load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }
/// Asks for a line that is needed soon, wherever it is.
inline void prefetch(const float* from) { __builtin_prefetch(from); }
/// How far ahead of a stream: a page of memory, where a processor's own prefetching ends.
inline constexpr std::int64_t prefetch_floats = 1024;

inline Vec broadcast(float x) { return x - Vec{}; }

/// An activation that cuts off (engine/ops/epilogue.h): NaN passes.
inline Vec clamp(Vec v, Vec low, Vec high) {
  v = v < low ? low : v;
  return v > high ? high : v;
}

/// `dy` where the activation has let `v` through, else 0.
inline Vec where_inside(Vec v, Vec low, Vec high, Vec dy) {
  return ((v <= low) | (v >= high)) ? Vec{} : dy;
}

inline float sum(Vec v) {
  float part[lanes];
  std::memcpy(part, &v, sizeof v);
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) part[i] += part[i + width];
  return part[0];
}

/// Access to all lanes, with the names that Tail has.
struct Whole {
  static Vec load(const float* from) { return TESSERA_CPU_NAMESPACE::load(from); }
  static void store(float* to, Vec v) { TESSERA_CPU_NAMESPACE::store(to, v); }
  static IntVec load_bytes(const std::uint8_t* from) {
    ByteVec bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, IntVec);
  }
  static void store_bytes(std::uint8_t* to, IntVec v) {
    const ByteVec bytes = __builtin_convertvector(v, ByteVec);
    std::memcpy(to, &bytes, sizeof bytes);
  }
};

/// memcpy for less than 16 bytes, without a call: two pieces that may overlap.
inline void copy_few(void* to, const void* from, std::int64_t bytes) {
  const auto pieces = [&]<typename T>(T) {
    const std::int64_t last = bytes - static_cast<std::int64_t>(sizeof(T));
    T head, end;
    std::memcpy(&head, from, sizeof(T));
    std::memcpy(&end, static_cast<const char*>(from) + last, sizeof(T));
    std::memcpy(to, &head, sizeof(T));
    std::memcpy(static_cast<char*>(to) + last, &end, sizeof(T));
  };
  if (bytes >= 8)
    pieces(std::uint64_t{});
  else if (bytes >= 4)
    pieces(std::uint32_t{});
  else
    for (std::int64_t i = 0; i < bytes; ++i)
      static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
}

/// Writes whole, aligned vectors with non-temporal stores, for results too large for the cache:
/// their cache lines are not read first. The thread pool's atomic operations order these writes.
struct PastCache : Whole {
  static void store(float* to, Vec v) {
#if defined(__AVX512F__)
    _mm512_stream_ps(to, __m512(v));
#elif defined(__AVX__)
    _mm256_stream_ps(to, __m256(v));
#else
    Whole::store(to, v);
#endif
  }
};

/// Access to the first `count` lanes only; the others read as 0.
class Tail {
 public:
  explicit Tail(std::int64_t count) : count_(count) {
    for (int i = 0; i < lanes; ++i) mask_[i] = i < count ? -1 : 0;
  }
#if defined(__AVX512F__)
  Vec load(const float* from) const { return Vec(_mm512_maskz_loadu_ps(bits(), from)); }
  void store(float* to, Vec v) const { _mm512_mask_storeu_ps(to, bits(), __m512(v)); }
#elif defined(__AVX__)
  Vec load(const float* from) const { return Vec(_mm256_maskload_ps(from, __m256i(mask_))); }
  void store(float* to, Vec v) const { _mm256_maskstore_ps(to, __m256i(mask_), __m256(v)); }
#else
  Vec load(const float* from) const {
    Vec v{};
    for (int i = 0; i < lanes; ++i)
      if (i < count_) v[i] = from[i];
    return v;
  }
  void store(float* to, Vec v) const {
    for (int i = 0; i < lanes; ++i)
      if (i < count_) to[i] = v[i];
  }
#endif
  IntVec load_bytes(const std::uint8_t* from) const {
    ByteVec bytes{};
    copy_few(&bytes, from, count_);
    return __builtin_convertvector(bytes, IntVec);
  }
  void store_bytes(std::uint8_t* to, IntVec v) const {
    const ByteVec bytes = __builtin_convertvector(v, ByteVec);
    copy_few(to, &bytes, count_);
  }

 private:
#if defined(__AVX512F__)
  __mmask16 bits() const { return static_cast<__mmask16>((1u << count_) - 1); }
#endif
  std::int64_t count_;
  IntVec mask_;
};

/// f(first, access) for each vector of a row of `count` floats; `access` is Most or Tail.
template <typename Most = Whole, typename Function>
[[gnu::always_inline]] inline void for_vectors(std::int64_t count, const Tail& tail,
                                               const Function& f) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) f(i, Most{});
  if (i < count) f(i, tail);
}

/// f(0), f(1), ... f(N-1), unrolled; each argument is a constant expression.
template <int N, typename Function>
[[gnu::always_inline]] inline void repeat(const Function& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

struct Nothing {
  void operator()(const float*, const float*, std::int64_t) const {}
};

/// T x V accumulators: acc[t][v] += a[t*a_tile + i*a_loop] * b[i*b_loop + v*lanes ...] for i in
/// [0, count). The last vector of b is loaded through `tail` if there is one.
/// ahead(a, b, i) is called before each i, for prefetches.
template <int T, int V>
struct Tile {
  Vec acc[T][V];

  template <typename Ahead = Nothing>
  [[gnu::always_inline]] void accumulate(const float* a, std::int64_t a_tile, std::int64_t a_loop,
                                         const float* b, std::int64_t b_loop, std::int64_t count,
                                         const Tail* tail = nullptr, const Ahead& ahead = {}) {
    for (std::int64_t i = 0; i < count; ++i, a += a_loop, b += b_loop) {
      ahead(a, b, i);
      Vec row[V];
      repeat<V>([&](auto v) __attribute__((always_inline)) {
        row[v] = tail && v == V - 1 ? tail->load(b + v * lanes) : load(b + v * lanes);
      });
      repeat<T>([&](auto t) __attribute__((always_inline)) {
        const Vec x = broadcast(a[t * a_tile]);
        repeat<V>([&](auto v) __attribute__((always_inline)) { acc[t][v] += x * row[v]; });
      });
    }
  }

  /// Every row of accumulators starts as these V vectors, of which the last may be partial.
  [[gnu::always_inline]] void fill(const float* from, const Tail& tail) {
    repeat<V>([&](auto v) __attribute__((always_inline)) {
      Vec value{};
      if (from) value = v == V - 1 ? tail.load(from + v * lanes) : load(from + v * lanes);
      repeat<T>([&](auto t) __attribute__((always_inline)) { acc[t][v] = value; });
    });
  }

  /// `last`: of the last vector of a row, the others are written by Most.
  template <typename Most = Whole, typename Last = Tail>
  [[gnu::always_inline]] void write(float* to, std::int64_t step, const Last& last) const {
    repeat<T>([&](auto t) __attribute__((always_inline)) {
      repeat<V>([&](auto v) __attribute__((always_inline)) {
        float* at = to + t * step + v * lanes;
        if (v == V - 1)
          last.store(at, acc[t][v]);
        else
          Most::store(at, acc[t][v]);
      });
    });
  }
};

/// The functions f<1,V>, f<2,V>, ... up to the tallest tile of V vectors, as Make<T,V>::call.
template <template <int, int> typename Make, int V>
constexpr auto tile_functions() {
  return []<int... T>(std::integer_sequence<int, T...>) {
    return std::array{&Make<T + 1, V>::call...};
  }
  (std::make_integer_sequence<int, tile_vectors / V>{});
}

/// Two vectors side by side while there are two: fewer broadcasts for as many products.
inline int block_vectors(std::int64_t columns) { return columns > lanes ? 2 : 1; }
inline constexpr std::int64_t block_columns = 2 * lanes;

}  // namespace TESSERA_CPU_NAMESPACE
