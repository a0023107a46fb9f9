#include "engine/data/npy_elements.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t part_bytes = 1 << 16;

/// IEEE 754's binary16.
double half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31)
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  return sign *
         (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

struct Half {
  std::uint16_t bits;
  explicit operator double() const { return half(bits); }
};

template <typename T>
void widen(const std::uint8_t* from, std::span<double> to) {
  for (double& number : to) {
    T value;
    std::memcpy(&value, from, sizeof value);
    from += sizeof value;
    number = static_cast<double>(value);
  }
}

using Widen = void (*)(const std::uint8_t* from, std::span<double> to);

/// `header` has a kind and size that read_npy_header accepts.
Widen widening(const NpyHeader& header) {
  const bool is_signed = header.kind == 'i';
  if (header.kind == 'f')
    return header.size == 2 ? widen<Half> : header.size == 4 ? widen<float> : widen<double>;
  switch (header.size) {
    case 1:
      return is_signed ? widen<std::int8_t> : widen<std::uint8_t>;
    case 2:
      return is_signed ? widen<std::int16_t> : widen<std::uint16_t>;
    case 4:
      return is_signed ? widen<std::int32_t> : widen<std::uint32_t>;
    default:
      return is_signed ? widen<std::int64_t> : widen<std::uint64_t>;
  }
}

/// Swaps the bytes of each unit.
void swap_bytes(std::span<std::uint8_t> bytes, std::size_t unit) {
  for (auto at = bytes.begin(); at != bytes.end(); at += static_cast<std::ptrdiff_t>(unit))
    std::reverse(at, at + static_cast<std::ptrdiff_t>(unit));
}

}  // namespace

Places::Places(const NpyHeader& header, std::vector<std::int64_t> strides)
    : extents_(header.shape), strides_(std::move(strides)), indices_(extents_.size()) {
  if (!header.is_fortran) return;
  std::reverse(extents_.begin(), extents_.end());
  std::reverse(strides_.begin(), strides_.end());
}

std::int64_t Places::next() {
  const std::int64_t place = place_;
  for (std::size_t axis = extents_.size(); axis-- > 0;) {
    place_ += strides_[axis];
    if (++indices_[axis] < extents_[axis]) break;
    place_ -= extents_[axis] * strides_[axis];
    indices_[axis] = 0;
  }
  return place;
}

void for_each_part(InputFile& file, const NpyHeader& header,
                   const std::function<void(std::span<const std::uint8_t>)>& take) {
  const std::size_t unit = header.kind == 'U' ? 4 : header.kind == 'S' ? 1 : header.size;
  const bool is_foreign = header.is_big_endian != (std::endian::native == std::endian::big);
  auto left = static_cast<std::uint64_t>(element_count(header.shape));
  std::vector<std::uint8_t> bytes;
  while (left > 0) {
    const std::size_t count =
        std::min<std::uint64_t>(left, std::max<std::size_t>(1, part_bytes / header.size));
    bytes.resize(count * header.size);
    file.read(bytes, "elements");
    if (is_foreign && unit > 1) swap_bytes(bytes, unit);
    take(bytes);
    left -= count;
  }
  file.check_end(to_string(header.shape));
}

void for_each_number(InputFile& file, const NpyHeader& header,
                     const std::function<void(std::span<const double>)>& take) {
  const Widen widen = widening(header);
  std::vector<double> numbers;
  for_each_part(file, header, [&](std::span<const std::uint8_t> part) {
    numbers.resize(part.size() / header.size);
    widen(part.data(), numbers);
    take(numbers);
  });
}

}  // namespace tessera::data
