// Pictures that a camera took sideways or upside down, and damaged notes of that.
#include "engine/data/exif.h"

#include <doctest/doctest.h>
#include <stb/stb_image_write.h>

#include <cmath>

#include "engine/data/picture.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

constexpr int height = 32, width = 48;

/// Four quarters: 40 and 90 above, 140 and 190 below.
Bytes quarters() {
  Bytes file, pixels;
  for (int h = 0; h < height; ++h)
    for (int w = 0; w < width; ++w)
      pixels.push_back(
          static_cast<std::uint8_t>(40 + (h < height / 2 ? 0 : 100) + (w < width / 2 ? 0 : 50)));
  const auto write = [](void* to, void* data, int size) {
    const auto* bytes = static_cast<std::uint8_t*>(data);
    static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
  };
  REQUIRE(stbi_write_jpg_to_func(write, &file, width, height, 1, pixels.data(), 100));
  return file;
}

/// Exif data whose only entry is the orientation.
Bytes exif_of(int orientation, bool little) {
  Bytes exif;
  const auto number = [&](std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      exif.push_back(static_cast<std::uint8_t>(value >> 8 * (little ? i : bytes - 1 - i)));
  };
  exif.insert(exif.end(), 2, little ? 'I' : 'M');
  number(42, 2);
  number(8, 4);  // where the directory is
  number(1, 2);
  number(0x0112, 2);
  number(3, 2);  // 16 bits
  number(1, 4);
  number(static_cast<unsigned>(orientation), 2);
  number(0, 6);
  return exif;
}

Bytes with_orientation(int orientation, bool little) {
  const Bytes exif = exif_of(orientation, little), file = quarters();
  Bytes result = {0xff, 0xd8, 0xff, 0xe1, 0, static_cast<std::uint8_t>(exif.size() + 8),
                  'E',  'x',  'i',  'f',  0, 0};
  for (const Bytes& part : {exif, Bytes(file.begin() + 2, file.end())})
    for (std::uint8_t byte : part) result.push_back(byte);
  return result;
}

}  // namespace

TEST_CASE("pictures are turned as the camera noted") {
  // What is seen above left, above right, below left, below right: Exif says at which sides the
  // first row and the first column of the file are.
  const int seen[8][4] = {{40, 90, 140, 190}, {90, 40, 190, 140}, {190, 140, 90, 40},
                          {140, 190, 40, 90}, {40, 140, 90, 190}, {140, 40, 190, 90},
                          {190, 90, 140, 40}, {90, 190, 40, 140}};
  TemporaryFolder folder;
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (bool little : {true, false}) {
      CAPTURE(orientation);
      const std::string path = folder / "turned.jpg";
      write_file(path, with_orientation(orientation, little));
      Bytes pixels(4);
      data::read_picture(path, {2, 2, 1}, pixels);
      for (std::size_t i = 0; i < 4; ++i)
        CHECK(std::abs(pixels[i] - seen[orientation - 1][i]) < 22);
    }
}

TEST_CASE("rows become columns where the camera was held sideways") {
  const data::Decoded picture{2, 3, 1, {1, 2, 3, 4, 5, 6}};
  const data::Decoded turned = data::upright(picture, 6);
  CHECK(turned.height == 3);
  CHECK(turned.width == 2);
  CHECK(turned.pixels == Bytes{4, 1, 5, 2, 6, 3});
}

TEST_CASE("damaged notes turn nothing and read nothing outside") {
  const Bytes whole = exif_of(6, true);
  CHECK(data::exif_orientation(whole) == 6);
  CHECK(data::exif_orientation(exif_of(9, true)) == 1);
  CHECK(data::exif_orientation({}) == 1);
  for (std::size_t size = 0; size < 20; ++size)
    CHECK(data::exif_orientation(std::span(whole).first(size)) == 1);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = whole;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 1 << bit);
      const int found = data::exif_orientation(damaged);
      CHECK((found >= 1 && found <= 8));
    }
}

}  // namespace tessera::tests
