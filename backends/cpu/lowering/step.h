// A node made ready, as the op files of each variant return it, and how they cut its work.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "backends/cpu/runtime/thread_pool.h"

namespace tessera::cpu {

/// What a step is run with. Workspace and memory for packed weights are as large as the step asked
/// for, aligned to 64 bytes; the workspace holds nothing of use before.
struct StepContext {
  ThreadPool& pool;
  std::byte* workspace;
  std::byte* packed;
  float* floats() const { return reinterpret_cast<float*>(workspace); }
  float* packed_floats() const { return reinterpret_cast<float*>(packed); }
};

/// Puts weights in another order before a step: before each run, or, where all that it reads is
/// fixed by the parameters, when these have changed.
struct Prepacking {
  std::vector<std::size_t> inputs = {};              ///< of the node; it reads no others
  std::function<void(const StepContext&)> run = {};  ///< empty: there is nothing to pack
  std::size_t bytes = 0;                             ///< of packed weights
};

/// A node made ready: running it allocates nothing.
struct Step {
  std::function<void(const StepContext&)> run;
  std::size_t workspace_bytes = 0;
  Prepacking prepacking = {};
};

/// Into how many chunks to cut `items` pieces of work of about `nanoseconds` each: one chunk is
/// worth the cost of handing it to another thread, and there are enough for many threads. A power
/// of two, so that the usual numbers of threads get equal shares.
inline std::int64_t chunk_count(std::int64_t items, double nanoseconds) {
  constexpr double least_ns = 2500;
  constexpr std::int64_t most = 64;
  const double worth = static_cast<double>(items) * nanoseconds / least_ns;
  if (!(worth > 1)) return 1;  // also when it is not a number
  const std::int64_t chunks = worth < most ? static_cast<std::int64_t>(worth) : most;
  return static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::clamp<std::int64_t>(items, 1, chunks))));
}

struct Range {
  std::int64_t begin, end;
};

/// Chunk `i` of `count` of [0, items), borders at multiples of `multiple`.
inline Range chunk_range(std::int64_t items, std::int64_t count, std::int64_t i,
                         std::int64_t multiple = 1) {
  const std::int64_t blocks = (items + multiple - 1) / multiple;
  return {std::min(items, blocks * i / count * multiple),
          std::min(items, blocks * (i + 1) / count * multiple)};
}

}  // namespace tessera::cpu
