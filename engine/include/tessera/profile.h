// What a device did in its runs, when, and by which algorithms; what memory it takes; and what it
// could do at most.
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

/// An algorithm that was asked before the one chosen and cannot run the node.
struct Refusal {
  std::string algorithm;
  std::string reason;
};

/// How a device computes a node.
struct NodeChoice {
  std::string name;
  std::string op;
  std::string algorithm;  ///< "view": nothing is to be done
  std::string tuned;      ///< "tuned" or "tuned: tile_m=8"; empty: the first that can run the node
  std::vector<Refusal> refused;
};
/// "c1: conv2d direct (winograd refused: the stride is 2)".
TESSERA_API std::string to_string(const NodeChoice& choice);

/// Bytes of an executable on its device.
struct MemoryUse {
  std::size_t arena = 0;      ///< activations and inputs, by lifetime
  std::size_t workspace = 0;  ///< the most that any node asked for
  std::size_t staging = 0;    ///< of inputs on their way
  std::size_t constants = 0;
  std::size_t prepared = 0;    ///< filters in the order of their kernels, kept from run to run
  std::size_t parameters = 0;  ///< and states; shared with other executables
  /// All of it.
  std::size_t total() const {
    return arena + workspace + staging + constants + prepared + parameters;
  }
};

enum class Queue : std::uint8_t { compute, copy };

/// One command. Times are seconds of std::chrono::steady_clock.
struct ProfileRecord {
  NodeId node = no_node;  ///< no_node: an input on its way
  std::string work;       ///< the kernel, or what else it is
  Queue queue = Queue::compute;
  double start = 0;
  double end = 0;
  /// How long it took.
  double seconds() const { return end - start; }
};

/// What a device can do at most, measured on it; per second, but for the launch.
struct Ceilings {
  double flops = 0;     ///< fused multiply-adds of floats, each two
  double bytes = 0;     ///< read and written by kernels, from and to memory that no cache holds
  double upload = 0;    ///< bytes from the host
  double download = 0;  ///< bytes to the host
  double launch = 0;    ///< seconds from one kernel to the next, if they do nothing
};

/// The records of a node, or of all with one kernel, of several runs.
struct TESSERA_API ProfileRow {
  NodeId node = no_node;  ///< no_node: not of one node
  std::string name;       ///< of the node or the kernel
  std::int64_t calls = 0;
  double seconds = 0;
  double flops = 0;  ///< tessera/flops.h
  double bytes = 0;
  /// The least time that its operations and bytes could take, as a share of the time it took. More
  /// than 1 where a cache is faster than the memory.
  double share_of(const Ceilings& ceilings) const;
  /// Whether the operations, not the bytes, take that least time.
  bool bound_by_flops(const Ceilings& ceilings) const;
};

/// By node, the longest first; inputs on their way have rows of their own. A node that launched
/// nothing has none. `runs`: how many the records are of.
TESSERA_API std::vector<ProfileRow> rows_by_node(const Executable& executable,
                                                 const std::vector<ProfileRecord>& records,
                                                 std::int64_t runs);
/// By kernel, the longest first. Operations and bytes of a node are divided among its commands by
/// their time.
TESSERA_API std::vector<ProfileRow> rows_by_kernel(const Executable& executable,
                                                   const std::vector<ProfileRecord>& records,
                                                   std::int64_t runs);

}  // namespace tessera
