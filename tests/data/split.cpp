// Which images are held out, and what is noticed when data change.
#include "engine/data/split.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "tessera/fingerprint.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

/// Images with these numbers for hashes, in classes by turns.
DataContents images(const std::vector<std::uint64_t>& hashes, int classes = 3) {
  DataContents contents;
  for (const std::uint64_t hash : hashes) {
    contents.hashes.push_back(hash);
    contents.labels.push_back(
        static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(classes)));
  }
  return contents;
}

std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> all(count);
  for (std::uint64_t i = 0; i < count; ++i) all[i] = i;
  return all;
}

std::set<std::uint64_t> held_out(const std::vector<std::uint64_t>& hashes,
                                 const DatasetOptions& options = {}) {
  DataContents contents = images(hashes);
  std::set<std::uint64_t> part;
  for (const std::size_t i : data::choose_part(contents, 3, Split::test, options))
    part.insert(hashes[i]);
  return part;
}

}  // namespace

TEST_CASE("an image is held out by itself and the seed alone") {
  std::vector<std::uint64_t> hashes = numbers(3000);
  const auto part = held_out(hashes);
  CHECK(part.size() > 240);  // 300 in the mean, with a deviation of 16
  CHECK(part.size() < 360);
  CHECK(held_out(hashes, {.seed = 1}) != part);
  std::reverse(hashes.begin(), hashes.end());
  CHECK(held_out(hashes) == part);
  hashes.resize(1500);  // half of them
  for (const std::uint64_t hash : held_out(hashes)) CHECK(part.contains(hash));
  CHECK(held_out(hashes, {.held_out = 0}).empty());
  CHECK(held_out(hashes, {.held_out = 1}).size() == 1500);
  CHECK(error_of([&] { held_out(hashes, {.held_out = 1.5}); }) ==
        "[data] the validation split is 1.5, expected 0 to 1");
}

TEST_CASE("small classes have an image on each side") {
  for (const double share : {1e-6, 0.1, 0.9, 1 - 1e-6})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(share);
      CAPTURE(seed);
      const auto part = held_out(numbers(6), {.held_out = share, .seed = seed});
      for (std::uint64_t label = 0; label < 3; ++label)
        CHECK(part.contains(label) != part.contains(label + 3));
      CHECK(held_out(numbers(3), {.held_out = share, .seed = seed}).empty());
      // Equal images have places of their own.
      CHECK(held_out(std::vector<std::uint64_t>(6, 0), {.held_out = share, .seed = seed}).size() ==
            1);
    }
}

TEST_CASE("with the cutoffs of an earlier choice no training image is ever held out") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    DataContents before = images(numbers(12));
    DatasetOptions options{.seed = seed};
    const auto tests = data::choose_part(before, 3, Split::test, options);
    CHECK(before.divided);
    CHECK(before.cutoffs.size() == 3);
    options.cutoffs = before.cutoffs;
    std::vector<std::uint64_t> hashes = numbers(14);
    hashes.erase(hashes.begin() + static_cast<std::ptrdiff_t>(tests[0]));
    const auto now = held_out(hashes, options);
    for (const std::uint64_t hash : now)
      CHECK((hash >= 12 || std::find(tests.begin(), tests.end(), hash) != tests.end()));
    CHECK(std::count_if(now.begin(), now.end(), [](std::uint64_t hash) { return hash < 12; }) ==
          std::ssize(tests) - 1);
  }
}

TEST_CASE("the rule of older checkpoints") {
  std::vector<std::int32_t> labels(100);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 3);
  const auto part = [&](double share, std::uint64_t seed) {
    return data::choose_by_order(labels, Split::test, share, seed);
  };
  CHECK(fmt::format("{}", fmt::join(part(0.1, 1), " ")) == "0 33 47 62 74 76 87 88 97");
  CHECK(part(0.1, 1) != part(0.1, 2));
  CHECK(part(0.001, 1).size() == 3);
  DataContents contents;
  contents.labels = labels;
  contents.hashes.resize(labels.size());
  CHECK(data::choose_part(contents, 3, Split::test,
                          {.held_out = 0.1, .seed = 1, .split_rule = SplitRule::by_order}) ==
        part(0.1, 1));
}

TEST_CASE("hashes are of every byte and of the length, equal everywhere") {
  Bytes bytes(100, 7);
  std::set<std::uint64_t> hashes = {data::content_hash(bytes)};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes other = bytes;
    other[i] ^= 1;
    hashes.insert(data::content_hash(other));
  }
  for (std::size_t size = 0; size < 20; ++size) hashes.insert(data::content_hash(Bytes(size, 0)));
  CHECK(hashes.size() == 121);
  CHECK(data::content_hash(Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9}) == 9118978543067340458u);
  const TemporaryFolder folder;
  Bytes large(200'001);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * i >> 3);
  write_file(folder / "large", large);
  CHECK(data::content_hashes({folder / "large", folder / "none"}) ==
        std::vector<std::uint64_t>{data::content_hash(large), data::content_hash({})});
}

namespace {

class Made : public ImageDataset {
 public:
  explicit Made(DataContents contents) : contents_(std::move(contents)) {}
  std::int64_t size() const override { return std::ssize(contents_.labels); }
  std::int64_t height() const override { return 1; }
  std::int64_t width() const override { return 1; }
  std::int64_t channels() const override { return 1; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t>) const override {
    return contents_.labels.at(static_cast<std::size_t>(index));
  }
  DataContents contents() const override { return contents_; }

 private:
  DataContents contents_;
  std::vector<std::string> classes_ = {"a", "b", "c"};
};

DataFingerprint print_of(const std::vector<std::uint64_t>& hashes) {
  return fingerprint_of(Made(images(hashes)));
}

}  // namespace

TEST_CASE("fingerprints tell how many images were added and removed") {
  std::vector<std::uint64_t> hashes = numbers(100);
  const DataFingerprint before = print_of(hashes);
  CHECK(before.images == std::vector<std::int64_t>{34, 33, 33});
  std::reverse(hashes.begin(), hashes.end());
  CHECK(changes(before, print_of(hashes)).empty());
  CHECK(changes(before, print_of(numbers(103))) == "3 images added");
  CHECK(changes(before, print_of(numbers(99))) == "1 image removed");
  hashes[5] = 1000;
  CHECK(changes(before, print_of(hashes)) == "1 image added, 1 removed");
  DataContents relabeled = images(numbers(100));
  relabeled.labels[0] = 1;
  CHECK(changes(before, fingerprint_of(Made(relabeled))) == "1 image added, 1 removed");
  CHECK(Made(relabeled).labels() == relabeled.labels);
}

TEST_CASE("of many images the numbers of each class are compared") {
  const DataFingerprint before = print_of(numbers(9000));
  CHECK(before.hashes.empty());
  CHECK(changes(before, print_of(numbers(9000))).empty());
  CHECK(changes(before, print_of(numbers(9002))) == "at least 2 images added");
  std::vector<std::uint64_t> others = numbers(9000);
  others[0] = 1'000'002;  // of the same class
  CHECK(changes(before, print_of(others)) == "the same number of images, but other images");
}

}  // namespace tessera::tests
