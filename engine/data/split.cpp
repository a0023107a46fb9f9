#include "engine/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <unordered_map>
#include <utility>

#include "engine/base/parallel.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::int64_t all_places = std::int64_t{1} << 53;  // each is exact in a double
constexpr std::size_t word = 8;
constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // of splitmix64

/// The final mixing of splitmix64.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/// A hash of bytes in blocks; all but the last have whole words.
class ContentHash {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    size_ += bytes.size();
    for (; bytes.size() >= word; bytes = bytes.subspan(word)) add_word(bytes.first<word>());
    if (bytes.empty()) return;
    std::array<std::uint8_t, word> last{};
    std::copy(bytes.begin(), bytes.end(), last.begin());
    add_word(last);
  }
  std::uint64_t value() const { return mixed(hash_ ^ size_); }

 private:
  void add_word(std::span<const std::uint8_t, word> bytes) {
    std::uint64_t x = 0;
    for (std::size_t b = 0; b < word; ++b) x |= std::uint64_t{bytes[b]} << 8 * b;
    hash_ = (hash_ ^ x) * golden;
    hash_ ^= hash_ >> 32;
  }

  std::uint64_t hash_ = 0, size_ = 0;
};

std::uint64_t hash_of_file(const std::string& path) {
  ContentHash hash;
  std::ifstream file(path, std::ios::binary);
  std::vector<char> block(std::size_t{1} << 16);
  while (file) {
    file.read(block.data(), std::ssize(block));
    const auto count = static_cast<std::size_t>(file.gcount());
    hash.add({reinterpret_cast<const std::uint8_t*>(block.data()), count});
  }
  return hash.value();
}

void check_share(double held_out) {
  if (!(held_out >= 0 && held_out <= 1))
    throw Error("data", fmt::format("the validation split is {}, expected 0 to 1", held_out));
}

/// Returns the places of all images; equal images of a class are numbered.
std::vector<std::int64_t> places(const DataContents& contents, std::uint64_t seed) {
  std::vector<std::int64_t> result;
  std::unordered_map<std::uint64_t, std::uint64_t> equal;
  for (std::size_t i = 0; i < contents.hashes.size(); ++i) {
    const std::uint64_t number = equal[labeled_hash(contents.hashes[i], contents.labels[i])]++;
    const std::uint64_t image = mixed(contents.hashes[i] + golden * number);
    const std::uint64_t place = mixed(image ^ mixed(seed + golden));
    result.push_back(static_cast<std::int64_t>(place >> 11));
  }
  return result;
}

struct Class {
  std::int64_t images = 0, lowest = all_places, highest = 0;
};

std::int64_t cutoff_of(const Class& one, double held_out) {
  const auto share =
      static_cast<std::int64_t>(std::llround(held_out * static_cast<double>(all_places)));
  if (share == 0 || share == all_places) return share;
  if (one.images == 1) return std::min(share, one.lowest);
  return one.images == 0 ? share
                         : std::clamp(share, one.lowest + 1, std::max(one.lowest + 1, one.highest));
}

}  // namespace

std::uint64_t content_hash(std::span<const std::uint8_t> bytes) {
  ContentHash hash;
  hash.add(bytes);
  return hash.value();
}

std::vector<std::uint64_t> content_hashes(const std::vector<std::string>& paths) {
  std::vector<std::uint64_t> hashes(paths.size());
  parallel_for(paths.size(), [&](std::size_t i) { hashes[i] = hash_of_file(paths[i]); });
  return hashes;
}

std::vector<std::uint64_t> content_hashes(std::span<const std::uint8_t> pixels, std::size_t bytes) {
  std::vector<std::uint64_t> hashes(bytes == 0 ? 0 : pixels.size() / bytes);
  for (std::size_t i = 0; i < hashes.size(); ++i)
    hashes[i] = content_hash(pixels.subspan(i * bytes, bytes));
  return hashes;
}

std::uint64_t labeled_hash(std::uint64_t hash, std::int32_t label) {
  return mixed(hash + golden * (static_cast<std::uint64_t>(label) + 1));
}

std::vector<std::size_t> choose_part(DataContents& contents, std::size_t classes, Split split,
                                     const DatasetOptions& options) {
  check_share(options.held_out);
  contents.divided = true;
  if (options.split_rule == SplitRule::by_order)
    return choose_by_order(contents.labels, split, options.held_out, options.seed);
  const std::vector<std::int64_t> place = places(contents, options.seed);
  std::vector<Class> found(classes);
  for (std::size_t i = 0; i < place.size(); ++i) {
    Class& one = found.at(static_cast<std::size_t>(contents.labels[i]));
    ++one.images;
    one.lowest = std::min(one.lowest, place[i]);
    one.highest = std::max(one.highest, place[i]);
  }
  contents.cutoffs = options.cutoffs;
  for (std::size_t c = contents.cutoffs.size(); c < classes; ++c)
    contents.cutoffs.push_back(cutoff_of(found[c], options.held_out));
  std::vector<std::size_t> part;
  for (std::size_t i = 0; i < place.size(); ++i) {
    const std::int64_t cutoff = contents.cutoffs[static_cast<std::size_t>(contents.labels[i])];
    if ((place[i] < cutoff) == (split == Split::test)) part.push_back(i);
  }
  return part;
}

std::vector<std::size_t> choose_by_order(std::span<const std::int32_t> labels, Split split,
                                         double held_out, std::uint64_t seed) {
  check_share(held_out);
  std::map<std::int32_t, std::vector<std::size_t>> by_class;
  for (std::size_t i = 0; i < labels.size(); ++i) by_class[labels[i]].push_back(i);
  std::vector<std::size_t> part;
  for (const auto& [label, samples] : by_class) {
    const auto count = std::ssize(samples);
    const auto order = shuffled_order(count, seed, static_cast<std::uint64_t>(label));
    auto tests = static_cast<std::int64_t>(std::llround(held_out * static_cast<double>(count)));
    if (held_out > 0 && count > 1) tests = std::max<std::int64_t>(1, tests);
    for (std::int64_t i = 0; i < count; ++i)
      if ((i < tests) == (split == Split::test))
        part.push_back(samples[order[static_cast<std::size_t>(i)]]);
  }
  std::sort(part.begin(), part.end());
  return part;
}

}  // namespace tessera::data
