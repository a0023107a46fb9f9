#include "tessera/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "engine/data/split.h"

namespace tessera {
namespace {

constexpr std::size_t most_hashes = 8192;  // 64 KiB of a checkpoint

std::string count(std::int64_t images) {
  return fmt::format("{} image{}", images, images == 1 ? "" : "s");
}

std::string sentence(std::int64_t added, std::int64_t removed) {
  if (added == 0) return count(removed) + " removed";
  return count(added) + " added" + (removed > 0 ? fmt::format(", {} removed", removed) : "");
}

/// Elements of `a` that are not in `b`; both are sorted.
std::int64_t missing(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> found;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(found));
  return std::ssize(found);
}

/// Estimates the changes from the image counts of the classes.
std::string changes_of_counts(const DataFingerprint& before, const DataFingerprint& now) {
  std::int64_t added = 0, removed = 0;
  for (std::size_t c = 0; c < std::max(before.images.size(), now.images.size()); ++c) {
    const std::int64_t was = c < before.images.size() ? before.images[c] : 0;
    const std::int64_t is = c < now.images.size() ? now.images[c] : 0;
    added += std::max<std::int64_t>(0, is - was);
    removed += std::max<std::int64_t>(0, was - is);
  }
  if (added + removed == 0) return "the same number of images, but other images";
  return "at least " + sentence(added, removed);
}

}  // namespace

std::int64_t DataFingerprint::size() const {
  return std::accumulate(images.begin(), images.end(), std::int64_t{0});
}

DataFingerprint fingerprint_of(const ImageDataset& dataset) {
  DataContents contents = dataset.contents();
  DataFingerprint print;
  print.images.resize(dataset.classes().size());
  print.divided = contents.divided;
  print.cutoffs = std::move(contents.cutoffs);
  const bool listed = contents.hashes.size() <= most_hashes;
  for (std::size_t i = 0; i < contents.hashes.size(); ++i) {
    const auto label = static_cast<std::size_t>(contents.labels[i]);
    ++print.images.at(label);
    const std::uint64_t hash = data::labeled_hash(contents.hashes[i], contents.labels[i]);
    print.sum += hash;
    if (listed) print.hashes.push_back(static_cast<std::uint32_t>(hash >> 32));
  }
  std::sort(print.hashes.begin(), print.hashes.end());
  return print;
}

std::string changes(const DataFingerprint& before, const DataFingerprint& now) {
  if (before.images == now.images && before.sum == now.sum) return {};
  if (before.size() == std::ssize(before.hashes) && now.size() == std::ssize(now.hashes))
    return sentence(missing(now.hashes, before.hashes), missing(before.hashes, now.hashes));
  return changes_of_counts(before, now);
}

}  // namespace tessera
