// Sums of parts on the host: the way from and to the slots of devices, and the tree above them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/training/parts.h"
#include "tessera/params.h"

namespace tessera {

/// Tensors f32 of one device, contiguous in a few buffers. On the host they have no gaps, so that
/// devices with different alignments have the same order.
class TensorCopies {
 public:
  /// `names` are in memory order. `params` must outlive the copies.
  TensorCopies(Params& params, const std::vector<std::string>& names);

  /// Elements of all tensors.
  std::size_t elements() const { return elements_; }
  /// Waits for the runs so far and copies all tensors to the host.
  void download(std::span<float> to);
  /// Copies all tensors to the device.
  void upload(std::span<const float> from);

 private:
  struct Tensor {
    std::size_t offset;  ///< bytes from the start of the region
    std::size_t bytes;
  };
  /// Consecutive bytes of a buffer.
  struct Region {
    Buffer* buffer;
    std::size_t offset, bytes;
    std::vector<Tensor> tensors;
  };

  Params& params_;
  std::vector<Region> regions_;
  std::vector<std::byte> staging_;
  std::size_t elements_ = 0;
};

/// The sum of a subtree.
struct SubtreeSum {
  PartRange subtree;
  std::vector<float> values;
};

/// Returns in `sum` the sum of the tree over `parts` leaves. `sums` cover all leaves, in order.
void tree_sum(const std::vector<const SubtreeSum*>& sums, std::int64_t parts, std::span<float> sum);

}  // namespace tessera
