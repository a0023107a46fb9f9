#include "tools/train/record_file.h"

#include <array>
#include <cstdint>

#include "tools/shared/output_file.h"

namespace tessera::tools {
namespace {

/// Castagnoli's polynomial, bit-reversed.
constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1u) * 0x82f63b78u;
    table[byte] = remainder;
  }
  return table;
}

/// Returns the CRC-32C, masked as TFRecord requires, so that a checksum of data with checksums
/// stays meaningful.
std::uint32_t masked_checksum(std::string_view text) {
  static constexpr auto table = make_table();
  std::uint32_t sum = ~0u;
  for (const char c : text) sum = sum >> 8 ^ table[(sum ^ static_cast<std::uint8_t>(c)) & 0xffu];
  sum = ~sum;
  return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

template <typename Number>
std::string little_endian(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof number; ++i)
    bytes += static_cast<char>(number >> (8 * i) & 0xffu);
  return bytes;
}

}  // namespace

RecordFile::RecordFile(const std::string& path)
    : path_(path), file_(open_output(path, std::ios::binary | std::ios::trunc)) {}

void RecordFile::write(std::string_view record) {
  const std::string length = little_endian(static_cast<std::uint64_t>(record.size()));
  file_ << length << little_endian(masked_checksum(length)) << record
        << little_endian(masked_checksum(record));
  check_written(file_, path_);
}

}  // namespace tessera::tools
