// The binary CIFAR files: layout, and what is said about files that are wrong.
#include "engine/data/cifar.h"

#include "tests/data/files.h"

namespace tessera::tests {
namespace {

constexpr std::size_t plane = 32 * 32;

/// Labels, then a planar image in which every byte tells where it stands.
Bytes record(const Bytes& labels, std::uint8_t seed) {
  Bytes bytes = labels;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < plane; ++i)
      bytes.push_back(static_cast<std::uint8_t>(seed + 85 * c + i % 251));
  return bytes;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

void check_image(const data::Images& images, std::size_t number, std::uint8_t seed) {
  const std::uint8_t* image = images.pixels.data() + number * 3 * plane;
  bool same = true;
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      same = same && image[i * 3 + c] == static_cast<std::uint8_t>(seed + 85 * c + i % 251);
  CHECK(same);
}

}  // namespace

TEST_CASE("CIFAR-10 batches are read in order and become channels last") {
  const TemporaryFolder folder;
  write_file(folder / "a", joined({record({3}, 1), record({9}, 2)}));
  write_file(folder / "b", record({0}, 3));
  const data::Images images = data::read_cifar({folder / "a", folder / "b"}, 1, 10);
  CHECK(images.height == 32);
  CHECK(images.width == 32);
  CHECK(images.channels == 3);
  CHECK(images.labels == std::vector<std::int32_t>{3, 9, 0});
  REQUIRE(images.pixels.size() == 3 * 3 * plane);
  for (std::size_t i = 0; i < 3; ++i) check_image(images, i, static_cast<std::uint8_t>(i + 1));
}

TEST_CASE("of CIFAR-100 the fine label counts") {
  const TemporaryFolder folder;
  write_file(folder / "train.bin", joined({record({19, 99}, 5), record({4, 0}, 6)}));
  const data::Images images = data::read_cifar({folder / "train.bin"}, 2, 100);
  CHECK(images.labels == std::vector<std::int32_t>{99, 0});
  REQUIRE(images.pixels.size() == 2 * 3 * plane);
  check_image(images, 0, 5);
  check_image(images, 1, 6);
}

TEST_CASE("wrong CIFAR files are refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "data_batch_1.bin";
  const auto error = [&] { return error_of([&] { data::read_cifar({path}, 1, 10); }); };
  CHECK(error() == where(path) + "no such file");
  write_file(path, {});
  CHECK(error() == where(path) + "truncated: record 0 has 0 bytes, expected 3073");
  Bytes bytes = joined({record({3}, 1), record({9}, 2)});
  bytes.pop_back();
  write_file(path, bytes);
  CHECK(error() == where(path) + "truncated: record 1 has 3072 bytes, expected 3073");
  write_file(path, joined({record({3}, 1), record({10}, 2)}));
  CHECK(error() == where(path) + "label 10 of record 1 is out of range, expected below 10");
}

}  // namespace tessera::tests
