// IDX files: what is read, and what is said about files that are wrong.
#include "engine/data/idx.h"

#include <numeric>

#include "tests/data/idx_bytes.h"

namespace tessera::tests {
namespace {

/// Three images of 2x4 and their labels.
struct Pair {
  TemporaryFolder folder;
  std::string images = folder / "images";
  std::string labels = folder / "labels";
  Bytes pixels = Bytes(24);

  Pair() {
    std::iota(pixels.begin(), pixels.end(), std::uint8_t{100});
    write_file(images, idx_bytes({3, 2, 4}, pixels));
    write_file(labels, idx_bytes({3}, {7, 0, 9}));
  }
  data::Images read() const { return data::read_idx(images, labels, 10); }
  std::string error() const {
    return error_of([&] { read(); });
  }
};

void check_pair(const Pair& pair) {
  const data::Images images = pair.read();
  CHECK(images.height == 2);
  CHECK(images.width == 4);
  CHECK(images.channels == 1);
  CHECK(images.pixels == pair.pixels);
  CHECK(images.labels == std::vector<std::int32_t>{7, 0, 9});
}

}  // namespace

TEST_CASE("IDX files are read plain and gzipped, whatever their name") {
  const Pair pair;
  check_pair(pair);
  write_file(pair.images, gzipped(read_file(pair.images)));
  check_pair(pair);
  write_file(pair.labels, gzipped(read_file(pair.labels)));
  check_pair(pair);
}

TEST_CASE("an IDX file that is not there or not a file is named") {
  const Pair pair;
  CHECK(error_of([&] { data::read_idx(pair.folder / "none", pair.labels, 10); }) ==
        where(pair.folder / "none") + "no such file");
  CHECK(error_of([&] { data::read_idx(pair.images, pair.folder.path().string(), 10); }) ==
        where(pair.folder.path().string()) + "not a regular file");
}

TEST_CASE("an IDX file with a wrong start is refused") {
  const Pair pair;
  SUBCASE("magic") {
    write_file(pair.images, Bytes{'P', 'K', 3, 4, 5, 6, 7, 8});
    CHECK(pair.error() ==
          where(pair.images) + "not an IDX file: it starts with 0x504b0304, expected 0x00000803");
  }
  SUBCASE("element type") {
    write_file(pair.images, idx_bytes({3, 2, 4}, pair.pixels, 0x0d));
    CHECK(pair.error() == where(pair.images) + "element type is 0x0d, expected 0x08 (bytes)");
  }
  SUBCASE("labels in place of images") {
    write_file(pair.images, read_file(pair.labels));
    CHECK(pair.error() == where(pair.images) + "has 1 dimensions, expected 3");
  }
  SUBCASE("no pixels") {
    write_file(pair.images, idx_bytes({3, 2, 0}, {}));
    CHECK(pair.error() == where(pair.images) + "dimension 2 is 0, expected at least 1");
  }
  SUBCASE("a gzip header and then garbage") {
    write_file(pair.images, Bytes{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 1});
    CHECK(contains(pair.error(), where(pair.images) + "damaged compressed data: "));
  }
}

TEST_CASE("a truncated IDX file is refused at every length") {
  const Pair pair;
  const Bytes plain = read_file(pair.images);
  const Bytes packed = gzipped(plain);
  for (const Bytes& whole : {plain, packed}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      write_file(pair.images, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
      CHECK(contains(pair.error(), where(pair.images)));
    }
  }
  write_file(pair.images, Bytes(plain.begin(), plain.end() - 3));
  CHECK(pair.error() == where(pair.images) + "truncated: found 21 of the 24 bytes of the elements");
  write_file(pair.images, Bytes(packed.begin(), packed.end() - 1));
  CHECK(pair.error() == where(pair.images) + "truncated: the compressed data ends too early");
}

TEST_CASE("damage that only the checksum of gzip shows is noticed") {
  const Pair pair;
  Bytes packed = gzipped(read_file(pair.images));
  packed[packed.size() - 8] ^= 1;
  write_file(pair.images, packed);
  CHECK(contains(pair.error(), "damaged compressed data"));
}

TEST_CASE("an IDX file with more than its header says is refused") {
  const Pair pair;
  Bytes bytes = read_file(pair.images);
  bytes.push_back(1);
  write_file(pair.images, bytes);
  CHECK(pair.error() == where(pair.images) + "has more bytes than its dimensions [3,2,4] take");
}

TEST_CASE("a header that promises petabytes is refused before memory is taken") {
  const Pair pair;
  for (const std::vector<std::uint32_t>& shape :
       {std::vector<std::uint32_t>{0xffffffff, 0xffffffff, 0xffffffff},
        std::vector<std::uint32_t>{0x80000000, 0x80000000, 4},  // 0 modulo 2^64
        std::vector<std::uint32_t>{1u << 20, 1u << 20, 1u << 10}}) {
    const Bytes bytes = idx_bytes(shape, pair.pixels);
    for (const Bytes& content : {bytes, gzipped(bytes)}) {
      write_file(pair.images, content);
      CHECK(contains(pair.error(), "] truncated or damaged: it is too small to hold ["));
    }
  }
}

TEST_CASE("images and labels must be as many, and labels in range") {
  const Pair pair;
  write_file(pair.labels, idx_bytes({2}, {7, 0}));
  CHECK(pair.error() == where(pair.images) + "has 3 images, but " + pair.labels + " has 2 labels");
  write_file(pair.labels, idx_bytes({3}, {7, 10, 9}));
  CHECK(pair.error() ==
        where(pair.labels) + "label 10 of image 1 is out of range, expected below 10");
}

}  // namespace tessera::tests
