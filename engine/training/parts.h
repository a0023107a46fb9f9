// The parts of a batch, and the binary tree that adds their sums. Neither depends on the device
// that computes a part, so the weights do not depend on the number of devices or their shares.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera {

/// Consecutive samples of a batch.
struct Part {
  std::int64_t begin;
  std::int64_t samples;
};

/// Returns `parts` parts whose sizes differ by at most one, the larger ones first, or as many as
/// there are samples if these are fewer.
std::vector<Part> parts_of(std::int64_t samples, std::int64_t parts);

/// Returns the height of the tree over `parts` leaves: 0 of one leaf, else ceil(log2(parts)).
int tree_height(std::int64_t parts);

/// Consecutive parts.
struct PartRange {
  std::int64_t first;
  std::int64_t count;

  /// Whether both are equal.
  bool operator==(const PartRange&) const = default;
};

/// Returns the fewest nodes of the tree over `parts` leaves that cover a range, in order, each as
/// the leaves below it. The sum of a node is that of its two children, or of its only child.
std::vector<PartRange> subtrees(PartRange range, std::int64_t parts);

/// Sums are kept in one slot for each level of the tree. A part is added to slot 0, slot 0 to slot
/// 1 and so on: the slot of level l holds a sum of at most 2^(l + 1) leaves.
enum class Fold : std::uint8_t { skip, store, add };
/// Returns what each of `slots` slots does after part `k` of the `count` parts of a subtree. After
/// the last part the last slot holds the sum of all. `slots` is at least 1 and the height of the
/// tree over `count` leaves.
std::vector<Fold> folds(std::int64_t k, std::int64_t count, int slots);

/// Returns how many of the parts each device gets so that the last one ends as early as possible.
/// `speeds` are parts per second, or any numbers in that proportion; at least one is positive.
std::vector<std::int64_t> shares_of(const std::vector<double>& speeds, std::int64_t parts);

}  // namespace tessera
