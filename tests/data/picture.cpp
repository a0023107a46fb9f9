// Pictures of all kinds against pixels computed here, and files cut short or damaged.
#include "engine/data/picture.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stb/stb_image_write.h>

#include <algorithm>

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

std::uint8_t grey(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((77 * r + 150 * g + 29 * b) >> 8);
}

void check_near(const Bytes& found, const Bytes& expected, int most) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= most);
}

}  // namespace

TEST_CASE("PNG files of grey and colour, with and without alpha, of 8 and 16 bits") {
  Folder folder;
  for (std::int64_t channels = 1; channels <= 4; ++channels)
    for (int bits : {8, 16}) {
      CAPTURE(channels);
      CAPTURE(bits);
      const Bytes pixels = pixels_of(channels);
      const Bytes file = png(height, width, channels, bits, pixels);
      Bytes colour, greys;
      for (std::size_t i = 0; i < pixels.size(); i += static_cast<std::size_t>(channels)) {
        const bool is_grey = channels < 3;
        const std::uint8_t r = pixels[i], g = is_grey ? r : pixels[i + 1],
                           b = is_grey ? r : pixels[i + 2];
        colour.insert(colour.end(), {r, g, b});
        greys.push_back(is_grey ? r : grey(r, g, b));
      }
      CHECK(folder.read(file, {height, width, 3}) == colour);
      CHECK(folder.read(file, {height, width, 1}) == greys);
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
  CHECK(contains(folder.error(file), "cannot be decoded: "));
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
  for (const Bytes& file : {png(height, width, 3, 8, pixels), jpeg(3), ppm})
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

TEST_CASE("a JPEG of four inks becomes one of three colours") {
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

TEST_CASE("what is no picture is refused in one line") {
  Folder folder;
  const auto says = [&](const std::string& text, const std::string& message) {
    CHECK(folder.error(Bytes(text.begin(), text.end())) == where(folder.path) + message);
  };
  says("", "is not a PNG, JPEG, PGM or PPM picture");
  says("GIF89a", "is not a PNG, JPEG, PGM or PPM picture");
  says("P5\n5 0\n255\n", "is 0x5, expected at least 1x1");
  Bytes header = png(20000, 20000, 1, 8, {});
  CHECK(folder.error(header) ==
        where(folder.path) + "is 20000x20000, expected at most 268435456 pixels");
  CHECK(error_of([&] {
          Bytes pixels(3);
          data::read_picture(folder.folder / "none", {1, 1, 3}, pixels);
        }) == where(folder.folder / "none") + "there is no such file");
  CHECK(error_of([] { data::check({4, 4, 5}); }) == "[pictures] channels are 5, expected 1 to 4");
}

}  // namespace tessera::tests
