// Pictures of all kinds against pixels computed here, and files cut short or damaged.
#include "engine/data/picture.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>

#include "tests/data/files.h"
#include "tests/data/png.h"

namespace tessera::tests {
namespace {

constexpr std::int64_t height = 5, width = 7;

/// Channel c of pixel i; smooth, for JPEG.
std::uint8_t value(std::int64_t i, std::int64_t c) {
  return static_cast<std::uint8_t>(20 + 5 * (i % width) + 9 * (i / width) + 30 * c);
}

Bytes pixels_of(std::int64_t channels) {
  Bytes pixels;
  for (std::int64_t i = 0; i < height * width; ++i)
    for (std::int64_t c = 0; c < channels; ++c) pixels.push_back(value(i, c));
  return pixels;
}

Bytes jpeg(std::int64_t channels) {
  Bytes file;
  const auto write = [](void* to, void* data, int size) {
    const auto* bytes = static_cast<std::uint8_t*>(data);
    static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
  };
  REQUIRE(stbi_write_jpg_to_func(write, &file, width, height, static_cast<int>(channels),
                                 pixels_of(channels).data(), 100));
  return file;
}

Bytes bmp(const Bytes& pixels) {
  Bytes file;
  const auto write = [](void* to, void* data, int size) {
    const auto* bytes = static_cast<std::uint8_t*>(data);
    static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
  };
  REQUIRE(stbi_write_bmp_to_func(write, &file, width, height, 3, pixels.data()));
  return file;
}

struct Folder {
  TemporaryFolder folder;
  std::string path = folder / "picture";

  Bytes read(const Bytes& file, const data::PictureSize& size) {
    write_file(path, file);
    Bytes pixels(static_cast<std::size_t>(size.bytes()));
    data::read_picture(path, size, pixels);
    return pixels;
  }
  std::string error(const Bytes& file) {
    return error_of([&] { read(file, {height, width, 3}); });
  }
};

std::uint8_t gray(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((77 * r + 150 * g + 29 * b) >> 8);
}

void check_near(const Bytes& found, const Bytes& expected, int most) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= most);
}

}  // namespace

TEST_CASE("PNG files of gray and color, with and without alpha, of 8 and 16 bits") {
  Folder folder;
  for (std::int64_t channels = 1; channels <= 4; ++channels)
    for (int bits : {8, 16}) {
      CAPTURE(channels);
      CAPTURE(bits);
      const Bytes pixels = pixels_of(channels);
      const Bytes file = png(height, width, channels, bits, pixels);
      Bytes color, grays;
      for (std::size_t i = 0; i < pixels.size(); i += static_cast<std::size_t>(channels)) {
        const bool is_gray = channels < 3;
        const std::uint8_t r = pixels[i], g = is_gray ? r : pixels[i + 1],
                           b = is_gray ? r : pixels[i + 2];
        color.insert(color.end(), {r, g, b});
        grays.push_back(is_gray ? r : gray(r, g, b));
      }
      CHECK(folder.read(file, {height, width, 3}) == color);
      CHECK(folder.read(file, {height, width, 1}) == grays);
    }
}

TEST_CASE("JPEG and PNM files") {
  Folder folder;
  check_near(folder.read(jpeg(3), {height, width, 3}), pixels_of(3), 4);
  check_near(folder.read(jpeg(1), {height, width, 1}), pixels_of(1), 4);
  const std::string header = "P6\n7 5\n255\n";
  Bytes ppm(header.begin(), header.end());
  for (std::uint8_t byte : pixels_of(3)) ppm.push_back(byte);
  CHECK(folder.read(ppm, {height, width, 3}) == pixels_of(3));
}

TEST_CASE("a JPEG file is damaged where its pixels are, not where nothing is read") {
  Folder folder;
  Bytes file = jpeg(3);
  Bytes padded = file;  // as some cameras do it
  padded.insert(padded.end() - 2, {1, 2, 3, 4});
  CHECK(folder.read(padded, {height, width, 3}) == folder.read(file, {height, width, 3}));
  const Bytes scan = {0xff, 0xda};
  const auto start = std::search(file.begin(), file.end(), scan.begin(), scan.end());
  std::fill(start + 14, file.end() - 2, std::uint8_t{0xfe});  // a code that no table has
  CHECK(contains(folder.error(file), "cannot be decoded as JPEG (libjpeg-turbo: "));
}

TEST_CASE("other sizes are scaled") {
  Folder folder;
  Bytes halves;  // dark above, bright below
  for (int i = 0; i < 64; ++i) halves.push_back(i < 32 ? 40 : 200);
  const Bytes small = folder.read(png(8, 8, 1, 8, halves), {2, 1, 1});
  check_near(small, {40, 200}, 25);
  CHECK(small[0] + small[1] == doctest::Approx(240).epsilon(0.02));
  const Bytes large = folder.read(png(1, 1, 3, 8, {1, 2, 3}), {9, 4, 3});
  for (std::size_t i = 0; i < large.size(); ++i) CHECK(large[i] == i % 3 + 1);
}

TEST_CASE("a picture cut short at any byte is named") {
  Folder folder;
  const std::string header = fmt::format("P6 # made up\n{} {}\n255\n", width, height);
  Bytes ppm(header.begin(), header.end());
  const Bytes pixels = pixels_of(3);
  ppm.insert(ppm.end(), pixels.begin(), pixels.end());
  CHECK(folder.error(ppm).empty());
  for (const Bytes& file : {png(height, width, 3, 8, pixels), jpeg(3), ppm, bmp(pixels)})
    for (std::size_t size = 0; size < file.size(); ++size) {
      CAPTURE(size);
      const std::string error =
          folder.error(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(error.starts_with(where(folder.path)));
      if (size > 8) CHECK(contains(error, "is cut short"));
    }
}

TEST_CASE("each damaged byte of a PNG file is noticed") {
  Folder folder;
  const Bytes file = png(height, width, 3, 8, pixels_of(3));
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes damaged = file;
    damaged[at] ^= 0x10;
    CAPTURE(at);
    CHECK(folder.error(damaged).starts_with(where(folder.path)));
  }
}

TEST_CASE("a JPEG of four inks becomes one of three colors") {
  // 8 x 8 pixels of cyan 40, magenta 120, yellow 200 and black 30, written by Pillow.
  const Bytes file = {
      255, 216, 255, 238, 0,  14, 65, 100, 111, 98,  101, 0,   100, 0,  0,   0,   0,   0,
      255, 219, 0,   67,  0,  3,  2,  2,   3,   2,   2,   3,   3,   3,  3,   4,   3,   3,
      4,   5,   8,   5,   5,  4,  4,  5,   10,  7,   7,   6,   8,   12, 10,  12,  12,  11,
      10,  11,  11,  13,  14, 18, 16, 13,  14,  17,  14,  11,  11,  16, 22,  16,  17,  19,
      20,  21,  21,  21,  12, 15, 23, 24,  22,  20,  24,  18,  20,  21, 20,  255, 192, 0,
      20,  8,   0,   8,   0,  8,  4,  67,  17,  0,   77,  17,  0,   89, 17,  0,   75,  17,
      0,   255, 196, 0,   22, 0,  1,  1,   1,   0,   0,   0,   0,   0,  0,   0,   0,   0,
      0,   0,   0,   0,   8,  5,  9,  255, 196, 0,   20,  16,  1,   0,  0,   0,   0,   0,
      0,   0,   0,   0,   0,  0,  0,  0,   0,   0,   0,   255, 218, 0,  14,  4,   67,  0,
      77,  0,   89,  0,   75, 0,  0,  63,  0,   116, 41,  135, 141, 3,  127, 255, 217};
  // (255 - ink) (255 - black) / 255, as Pillow has it too.
  check_near(Folder().read(file, {1, 1, 3}), {190, 119, 49}, 2);
}

TEST_CASE("samples of PGM and PPM files are scaled to 255, as Pillow scales them") {
  Folder folder;
  const auto read = [&](const std::string& text, std::int64_t channels) {
    return folder.read(Bytes(text.begin(), text.end()), {1, 2, channels});
  };
  CHECK(read(std::string("P5 2 1 15\n\x03\x0f", 12), 1) == Bytes{51, 255});
  CHECK(read(std::string("P5 2 1 15\n\x01\x20", 12), 1) == Bytes{17, 255});  // more than is said
  CHECK(read(std::string("P5 2 1 1000\n\x01\xf4\x03\xe8", 16), 1) == Bytes{128, 255});
  CHECK(read(std::string("P6 2 1 65535\n\x01\x2c\x20\x6c\x3f\xac\0\0\xff\xff\x80\0", 25), 3) ==
        Bytes{1, 32, 63, 0, 255, 128});
  CHECK(read("P2 # plain\n2 # wide\n1\n# deep\n7\n 0 # black\n7", 1) == Bytes{0, 255});
  CHECK(read("P3 2 1 255 1 2 3 4 5 6", 3) == Bytes{1, 2, 3, 4, 5, 6});
  CHECK(read("P1 2 1 10", 1) == Bytes{0, 255});
  CHECK(read("P4 2 1\n\x40", 3) == Bytes{255, 255, 255, 0, 0, 0});
  const auto says = [&](const std::string& text, const std::string& message) {
    CHECK(folder.error(Bytes(text.begin(), text.end())) == where(folder.path) + message);
  };
  says("P2 2 1 7 0 8", "has a sample of 8, expected at most 7");
  says("P2 2 1 7 0", "is cut short");
  says("P5 2 1 65536\n", "has a largest value of 65536, expected 1 to 65535");
  says("P5 2 1 0\n", "has a largest value of 0, expected 1 to 65535");
  says("P3 2 x 1", "is damaged: expected a whole number in the header or among plain samples");
}

TEST_CASE("the camera's orientation is read from PNG files") {
  Folder folder;
  const Bytes plain = png(1, 2, 1, 8, {10, 20});
  Bytes chunk = {0, 0, 0,  26, 'e', 'X', 'I', 'f', 'M', 'M', 0, 42, 0, 0, 0, 8, 0,
                 1, 1, 18, 0,  3,   0,   0,   0,   1,   0,   6, 0,  0, 0, 0, 0, 0};
  const auto sum = crc32(0, chunk.data() + 4, static_cast<uInt>(chunk.size() - 4));
  for (int shift = 24; shift >= 0; shift -= 8)
    chunk.push_back(static_cast<std::uint8_t>(sum >> shift));
  Bytes turned = plain;
  turned.insert(turned.begin() + 33, chunk.begin(), chunk.end());
  CHECK(folder.read(plain, {1, 2, 1}) == Bytes{10, 20});
  CHECK(folder.read(turned, {2, 1, 1}) == Bytes{10, 20});
}

TEST_CASE("what needs too much memory is refused before it is decoded") {
  Folder folder;
  const auto error = [&](const Bytes& file, std::int64_t most) {
    return error_of(
        [&] { folder.read(file, {.height = 1, .width = 1, .channels = 3, .max_pixels = most}); });
  };
  const Bytes small = png(5, 7, 3, 8, pixels_of(3));
  CHECK(error(small, 35).empty());
  CHECK(error(small, 34) ==
        where(folder.path) + "is 5x7, expected at most 34 pixels (--max-image-pixels)");
  const Bytes large = png(16384, 16384, 1, 16, {});
  CHECK(contains(error(large, default_max_image_pixels), "is 16384x16384, expected at most"));
  const std::string animation("GIF89a\x10\x27\x10\x27\0\0\0,\0\0\0\0\x10\x27\x10\x27\0\x02\0;", 26);
  CHECK(error({animation.begin(), animation.end()}, 100'000'000) ==
        where(folder.path) +
            "is 10000x10000 and needs 953 MiB (1000280026 bytes) to decode, expected at most 572 "
            "MiB (6 bytes per pixel of --max-image-pixels)");
}

TEST_CASE("what is no picture is refused in one line") {
  Folder folder;
  const auto says = [&](const std::string& text, const std::string& message) {
    CHECK(folder.error(Bytes(text.begin(), text.end())) == where(folder.path) + message);
  };
  const std::string unknown = fmt::format("is not a {} image", data::picture_formats);
  says("", unknown);
  says("%PDF-1.4", unknown);
  says("P7\nWIDTH 1\n", unknown);
  says("P5\n5 0\n255\n", "is 0x5, expected at least 1x1");
  CHECK(error_of([&] {
          Bytes pixels(3);
          data::read_picture(folder.folder / "none", {1, 1, 3}, pixels);
        }) == where(folder.folder / "none") + "there is no such file");
  CHECK(error_of([] { data::check({4, 4, 5}); }) == "[images] channels are 5, expected 1 to 4");
}

}  // namespace tessera::tests
