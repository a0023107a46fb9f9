// The parts of a batch and the tree of their sums.
#include "engine/training/parts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace tessera {
namespace {

/// The sum of a node of the tree as text, as its definition says.
std::string sum_of(std::int64_t first, std::int64_t leaves, std::int64_t parts) {
  if (leaves == 1) return std::to_string(first);
  const std::string left = sum_of(first, leaves / 2, parts);
  if (first + leaves / 2 >= parts) return left;
  return "(" + left + "+" + sum_of(first + leaves / 2, leaves / 2, parts) + ")";
}

std::int64_t leaves_above(std::int64_t parts) {
  std::int64_t leaves = 1;
  while (leaves < parts) leaves *= 2;
  return leaves;
}

/// What the last slot holds after the parts of a subtree.
std::string folded(PartRange subtree, int slots) {
  std::vector<std::string> slot(static_cast<std::size_t>(slots));
  for (std::int64_t k = 0; k < subtree.count; ++k) {
    std::string value = std::to_string(subtree.first + k);
    const std::vector<Fold> all = folds(k, subtree.count, slots);
    for (std::size_t i = 0; i < slot.size(); ++i) {
      if (all[i] == Fold::store) slot[i] = value;
      if (all[i] == Fold::add) slot[i] = "(" + slot[i] + "+" + value + ")";
      value = slot[i];
      if (all[i] == Fold::skip) break;
    }
  }
  return slot.back();
}

}  // namespace

TEST_CASE("a batch is cut into parts of nearly equal sizes") {
  for (std::int64_t samples = 1; samples < 40; ++samples)
    for (std::int64_t count = 1; count < 20; ++count) {
      const std::vector<Part> parts = parts_of(samples, count);
      CHECK(static_cast<std::int64_t>(parts.size()) == std::min(samples, count));
      std::int64_t end = 0;
      for (const Part& part : parts) {
        CHECK(part.begin == end);
        end += part.samples;
        CHECK(part.samples <= parts.front().samples);
        CHECK(part.samples >= std::max<std::int64_t>(1, parts.front().samples - 1));
      }
      CHECK(end == samples);
    }
}

TEST_CASE("slots fold parts as the tree does") {
  CHECK(sum_of(0, 8, 5) == "(((0+1)+(2+3))+4)");
  for (std::int64_t parts = 1; parts <= 40; ++parts) {
    const int height = tree_height(parts);
    CHECK(leaves_above(parts) == std::int64_t{1} << height);
    for (const int more : {0, 1, 3})
      CHECK(folded({0, parts}, std::max(height, 1) + more) ==
            sum_of(0, leaves_above(parts), parts));
  }
}

TEST_CASE("a range of parts is a few subtrees") {
  using Ranges = std::vector<PartRange>;
  CHECK(subtrees({0, 8}, 8) == Ranges{{0, 8}});
  CHECK(subtrees({1, 6}, 8) == Ranges{{1, 1}, {2, 2}, {4, 2}, {6, 1}});
  CHECK(subtrees({2, 3}, 5) == Ranges{{2, 2}, {4, 1}});
  CHECK(subtrees({0, 5}, 5) == Ranges{{0, 5}});
  for (std::int64_t parts = 1; parts <= 33; ++parts)
    for (std::int64_t first = 0; first < parts; ++first)
      for (std::int64_t count = 1; first + count <= parts; ++count) {
        std::int64_t at = first;
        const Ranges found = subtrees({first, count}, parts);
        CHECK(found.size() <= 2 * static_cast<std::size_t>(std::max(1, tree_height(parts))));
        for (const PartRange& subtree : found) {
          CHECK(subtree.first == at);
          at += subtree.count;
          const std::int64_t leaves = leaves_above(subtree.count);
          CHECK(subtree.first % leaves == 0);
          CHECK((subtree.count == leaves || at == parts));
          CHECK(folded(subtree, std::max(1, tree_height(subtree.count))) ==
                sum_of(subtree.first, leaves, parts));
        }
        CHECK(at == first + count);
      }
}

}  // namespace tessera
