// Pictures of all kinds against pixels computed here, and files cut short or damaged.
#include "engine/data/picture.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stb/stb_image_write.h>

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
