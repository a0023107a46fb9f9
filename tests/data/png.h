// PNG files byte by byte.
#pragma once

#include <zlib.h>

#include <string_view>

#include "tests/data/files.h"

namespace tessera::tests {

/// `pixels` of 8 bits; of 16 bits they are the upper ones.
inline Bytes png(std::int64_t height, std::int64_t width, std::int64_t channels, int bits,
                 const Bytes& pixels) {
  Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto number = [](Bytes& to, std::uint64_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      to.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  const auto chunk = [&](std::string_view type, const Bytes& data) {
    number(file, data.size());
    const std::size_t begin = file.size();
    file.insert(file.end(), type.begin(), type.end());
    file.insert(file.end(), data.begin(), data.end());
    number(file, crc32(0, file.data() + begin, static_cast<uInt>(file.size() - begin)));
  };
  constexpr std::uint8_t color_types[] = {0, 4, 2, 6};
  Bytes header;
  number(header, static_cast<std::uint64_t>(width));
  number(header, static_cast<std::uint64_t>(height));
  header.insert(header.end(),
                {static_cast<std::uint8_t>(bits), color_types[channels - 1], 0, 0, 0});
  chunk("IHDR", header);
  Bytes rows;
  const auto row = static_cast<std::size_t>(width * channels);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (i % row == 0) rows.push_back(0);  // no filter
    rows.push_back(pixels[i]);
    if (bits == 16) rows.push_back(0x5a);
  }
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  Bytes packed(size);
  REQUIRE(compress(packed.data(), &size, rows.data(), static_cast<uLong>(rows.size())) == Z_OK);
  packed.resize(size);
  chunk("IDAT", packed);
  chunk("IEND", {});
  return file;
}

}  // namespace tessera::tests
