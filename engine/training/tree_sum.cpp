#include "engine/training/tree_sum.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/denormals.h"
#include "engine/base/parallel.h"

namespace tessera {

TensorCopies::TensorCopies(Params& params, const std::vector<std::string>& names)
    : params_(params) {
  std::size_t most = 0;
  for (const std::string& name : names) {
    const Params::Entry& entry = params.entry(name);
    const auto [buffer, offset] = entry.place;
    const std::size_t bytes = entry.spec.bytes();
    const bool continues = !regions_.empty() && regions_.back().buffer == buffer &&
                           offset >= regions_.back().offset + regions_.back().bytes &&
                           offset - regions_.back().offset - regions_.back().bytes <
                               params.device().buffer_alignment();
    if (!continues) regions_.push_back({buffer, offset, 0, {}});
    Region& region = regions_.back();
    region.tensors.push_back({offset - region.offset, bytes});
    region.bytes = offset - region.offset + bytes;
    elements_ += bytes / sizeof(float);
    most = std::max(most, region.bytes);
  }
  staging_.resize(most);
}

void TensorCopies::download(std::span<float> to) {
  float* at = to.data();
  for (const Region& region : regions_) {
    params_.device().download(*region.buffer, region.offset,
                              std::span(staging_).first(region.bytes));
    for (const auto& [offset, bytes] : region.tensors) {
      std::memcpy(at, staging_.data() + offset, bytes);
      at += bytes / sizeof(float);
    }
  }
}

void TensorCopies::upload(std::span<const float> from) {
  const float* at = from.data();
  for (const Region& region : regions_) {
    for (const auto& [offset, bytes] : region.tensors) {
      std::memcpy(staging_.data() + offset, at, bytes);
      at += bytes / sizeof(float);
    }
    params_.device().upload(*region.buffer, region.offset, std::span(staging_).first(region.bytes));
  }
}

namespace {

/// Elements that are summed at once, so that all levels stay in the cache.
constexpr std::size_t piece = 4096;
constexpr std::size_t most_levels = 21;  // parts are at most 2^20

class Tree {
 public:
  Tree(const std::vector<const SubtreeSum*>& sums, std::int64_t parts)
      : sums_(sums), parts_(parts) {}

  /// Sums elements [begin, begin + count).
  void sum(std::size_t begin, std::size_t count, float* to) {
    begin_ = begin;
    count_ = count;
    next_ = 0;
    const float* const total = node(0, tree_height(parts_));
    std::copy_n(total, count, to);
  }

 private:
  /// Returns the sum of the node at this height whose first leaf is `first`.
  const float* node(std::int64_t first, int height) {
    const std::int64_t leaves = std::int64_t{1} << height;
    const PartRange range{first, std::min(leaves, parts_ - first)};
    if (sums_[next_]->subtree == range) return sums_[next_++]->values.data() + begin_;
    const float* const left = node(first, height - 1);
    if (first + leaves / 2 >= parts_) return left;
    // The left sum may be in the scratch memory of the level below, which the right one needs.
    auto& scratch = scratch_[static_cast<std::size_t>(height)];
    std::copy_n(left, count_, scratch.begin());
    const float* const right = node(first + leaves / 2, height - 1);
    for (std::size_t i = 0; i < count_; ++i) scratch[i] += right[i];
    return scratch.data();
  }

  const std::vector<const SubtreeSum*>& sums_;
  std::int64_t parts_;
  std::size_t begin_ = 0, count_ = 0, next_ = 0;
  std::array<std::array<float, piece>, most_levels> scratch_;
};

}  // namespace

void tree_sum(const std::vector<const SubtreeSum*>& sums, std::int64_t parts,
              std::span<float> sum) {
  constexpr std::size_t pieces_at_once = 64;
  const std::size_t pieces = (sum.size() + piece - 1) / piece;
  parallel_for((pieces + pieces_at_once - 1) / pieces_at_once, [&](std::size_t job) {
    const FlushDenormals flush;  // as devices do
    const auto tree = std::make_unique<Tree>(sums, parts);
    for (std::size_t i = job * pieces_at_once; i < std::min(pieces, (job + 1) * pieces_at_once);
         ++i) {
      const std::size_t begin = i * piece;
      tree->sum(begin, std::min(piece, sum.size() - begin), sum.data() + begin);
    }
  });
}

}  // namespace tessera
