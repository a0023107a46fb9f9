// Profiles: what a device did in its runs, when, and with which algorithms; its memory use; and its
// measured ceilings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/export.h"
#include "tessera/graph.h"

namespace tessera {

class Executable;

/// An algorithm earlier in the list than the chosen one that cannot run the node.
struct Refusal {
  std::string algorithm;
  std::string reason;
};

/// How a device computes a node.
struct NodeChoice {
  std::string name;
  std::string op;
  std::string algorithm;  ///< "view": no work at run time
  std::string tuned;      ///< "tuned" or "tuned: tile_m=8"; empty: the first that can run the node
  std::vector<Refusal> refused;
  std::size_t pieces = 1;  ///< in which it runs, if its tensors are too large for one go
};
/// Returns a text such as "c1: conv2d direct (winograd refused: the stride is 2)".
TESSERA_API std::string to_string(const NodeChoice& choice);

/// Memory of an executable on its device, in bytes.
struct MemoryUse {
  std::size_t arena = 0;      ///< activations and inputs, shared by lifetime
  std::size_t workspace = 0;  ///< the maximum over all nodes
  std::size_t staging = 0;    ///< copies of inputs during the upload
  std::size_t constants = 0;
  std::size_t prepared = 0;    ///< packed weights, kept from run to run
  std::size_t parameters = 0;  ///< with states; shared with other executables
  /// Returns the sum.
  std::size_t total() const {
    return arena + workspace + staging + constants + prepared + parameters;
  }
};

enum class Queue : std::uint8_t { compute, copy };

/// A command. Times are in seconds of std::chrono::steady_clock.
struct ProfileRecord {
  NodeId node = no_node;  ///< no_node: the upload of an input
  std::string work;       ///< the kernel, or another kind of work
  Queue queue = Queue::compute;
  double start = 0;
  double end = 0;
  /// Returns the duration in seconds.
  double seconds() const { return end - start; }
};

/// Measured maximum rates of a device per second, and the time of a launch.
struct Ceilings {
  double flops = 0;     ///< float operations; a fused multiply-add is two
  double bytes = 0;     ///< read and written by kernels, in memory outside of the caches
  double upload = 0;    ///< bytes from the host
  double download = 0;  ///< bytes to the host
  double launch = 0;    ///< seconds from one empty kernel to the next
};

/// The sum of the records of a node, or of a kernel, over several runs.
struct TESSERA_API ProfileRow {
  NodeId node = no_node;  ///< no_node: not of a single node
  std::string name;       ///< name of the node or the kernel
  std::int64_t calls = 0;
  double seconds = 0;
  double flops = 0;  ///< tessera/flops.h
  double bytes = 0;
  /// Returns the minimum time of its operations and bytes at the ceilings, divided by its measured
  /// time. More than 1 if a cache is faster than the memory.
  double share_of(const Ceilings& ceilings) const;
  /// Returns whether the operations, not the bytes, determine the minimum time.
  bool bound_by_flops(const Ceilings& ceilings) const;
};

/// Returns rows by node, the slowest first. Uploads of inputs have their own rows. A node without
/// launches has none. `runs` is the number of runs in the records.
TESSERA_API std::vector<ProfileRow> rows_by_node(const Executable& executable,
                                                 const std::vector<ProfileRecord>& records,
                                                 std::int64_t runs);
/// Returns rows by kernel, the slowest first. The operations and bytes of a node are divided among
/// its commands in proportion to their time.
TESSERA_API std::vector<ProfileRow> rows_by_kernel(const Executable& executable,
                                                   const std::vector<ProfileRecord>& records,
                                                   std::int64_t runs);

}  // namespace tessera
