// Philox4x32-10, a counter-based random generator (Salmon, Moraes, Dror, Shaw: "Parallel random
// numbers: as easy as 1, 2, 3", 2011). Equal key and counter give equal numbers everywhere, so that
// initial weights, shuffles and masks do not depend on the backend.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tessera {

using PhiloxBlock = std::array<std::uint32_t, 4>;

inline PhiloxBlock philox(std::uint64_t key, PhiloxBlock counter) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of random numbers; `stream` separates the uses of one seed.
class Philox {
 public:
  Philox(std::uint64_t seed, std::uint64_t stream) : key_(seed), stream_(stream) {}
  /// Creates the stream of a name, its 64-bit FNV-1a hash.
  Philox(std::uint64_t seed, std::string_view name) : key_(seed), stream_(0xcbf29ce484222325u) {
    for (char c : name) stream_ = (stream_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }

  /// Continues with number `index` of the stream.
  void seek(std::uint64_t index) {
    index_ = index;
    if (index % 4 != 0) fill();
  }

  std::uint32_t next() {
    const auto lane = static_cast<std::size_t>(index_ % 4);
    if (lane == 0) fill();
    ++index_;
    return block_[lane];
  }
  /// Uniform in [0, 1), with 24 bits.
  float uniform() { return static_cast<float>(next() >> 8) * 0x1.0p-24f; }
  /// Uniform in [0, n) by the widening product; the bias is below n / 2^32.
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
  }

 private:
  void fill() {
    const std::uint64_t block = index_ / 4;
    block_ = philox(
        key_, {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
               static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)});
  }

  std::uint64_t key_;
  std::uint64_t stream_;
  std::uint64_t index_ = 0;
  PhiloxBlock block_{};
};

}  // namespace tessera
