#include "engine/training/parts.h"

#include <algorithm>
#include <bit>

namespace tessera {

std::vector<Part> parts_of(std::int64_t samples, std::int64_t parts) {
  const std::int64_t count = std::min(samples, parts), smaller = samples / count;
  const std::int64_t larger = samples % count;  // parts with one sample more
  std::vector<Part> all;
  for (std::int64_t k = 0, begin = 0; k < count; begin += all.back().samples, ++k)
    all.push_back({begin, smaller + (k < larger)});
  return all;
}

int tree_height(std::int64_t parts) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(parts - 1)));
}

std::vector<PartRange> subtrees(PartRange range, std::int64_t parts) {
  const std::int64_t end = range.first + range.count;
  std::vector<PartRange> found;
  for (std::int64_t first = range.first; first < end; first += found.back().count) {
    // The highest node that begins here and has no leaf beyond the range.
    std::int64_t leaves = 1;
    while (leaves < parts && first % (2 * leaves) == 0 &&
           std::min(first + 2 * leaves, parts) <= end)
      leaves *= 2;
    found.push_back({first, std::min(leaves, parts - first)});
  }
  return found;
}

std::vector<Fold> folds(std::int64_t k, std::int64_t count, int slots) {
  std::vector<Fold> all;
  for (int level = 0; level < slots; ++level) {
    const std::int64_t leaves = std::int64_t{1} << level;
    const bool is_complete = (k + 1) % leaves == 0 || k + 1 == count;
    const bool is_second = k / leaves % 2 == 1;
    all.push_back(!is_complete ? Fold::skip : is_second ? Fold::add : Fold::store);
  }
  return all;
}

std::vector<std::int64_t> shares_of(const std::vector<double>& speeds, std::int64_t parts) {
  std::vector<std::int64_t> shares(speeds.size(), 0);
  for (std::int64_t part = 0; part < parts; ++part) {
    std::size_t best = speeds.size();
    const auto end_of = [&](std::size_t i) {
      return static_cast<double>(shares[i] + 1) / speeds[i];
    };
    for (std::size_t i = 0; i < speeds.size(); ++i)
      if (speeds[i] > 0 && (best == speeds.size() || end_of(i) < end_of(best))) best = i;
    ++shares.at(best);
  }
  return shares;
}

}  // namespace tessera
