// How a node becomes a prepared step: what the device gives to the op files of each variant, and
// what they give back.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "backends/cpu/runtime/thread_pool.h"
#include "tessera/graph.h"
#include "tessera/op.h"

namespace tessera::cpu {

struct Processor {
  int threads;
  std::uint64_t cache_bytes;  ///< of the last cache before memory; 0: unknown
};

/// A node with the memory of its values.
class NodeContext {
 public:
  NodeContext(const Graph& graph, const Node& node, std::vector<std::byte*> inputs,
              std::vector<std::byte*> outputs, const Processor& processor)
      : graph_(graph),
        node_(node),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        processor_(processor) {}

  const Graph& graph() const { return graph_; }
  const Node& node() const { return node_; }
  std::string_view op_name() const { return node_.op->name; }
  const Attributes& attributes() const { return node_.attributes; }
  std::size_t input_count() const { return node_.inputs.size(); }
  std::size_t output_count() const { return node_.outputs.size(); }
  const TensorSpec& input_spec(std::size_t i) const {
    return graph_.value(node_.inputs.at(i)).spec;
  }
  const TensorSpec& output_spec(std::size_t i) const {
    return graph_.value(node_.outputs.at(i)).spec;
  }
  template <typename T = float>
  const T* input(std::size_t i) const {
    return reinterpret_cast<const T*>(inputs_.at(i));
  }
  /// nullptr where there is no such input.
  const float* optional_input(std::size_t i) const {
    return i < input_count() ? input(i) : nullptr;
  }
  template <typename T = float>
  T* output(std::size_t i) const {
    return reinterpret_cast<T*>(outputs_.at(i));
  }
  int threads() const { return processor_.threads; }
  /// Whether output `i` has left the cache when it is read: other parts of the cache belong to what
  /// else is read and written, and to other processes.
  bool past_cache(std::size_t i) const {
    constexpr std::uint64_t part = 4;
    return processor_.cache_bytes > 0 && output_spec(i).bytes() >= processor_.cache_bytes / part;
  }

 private:
  const Graph& graph_;
  const Node& node_;
  std::vector<std::byte*> inputs_;
  std::vector<std::byte*> outputs_;
  Processor processor_;
};

/// What a step is run with. Workspace and prepared memory are as large as the step asked for,
/// aligned to 64 bytes; the workspace holds nothing of use before.
struct StepContext {
  ThreadPool& pool;
  std::byte* workspace;
  std::byte* prepared;
  float* floats() const { return reinterpret_cast<float*>(workspace); }
  float* prepared_floats() const { return reinterpret_cast<float*>(prepared); }
};

/// A node made ready: running it allocates nothing.
struct Step {
  std::function<void(const StepContext&)> run;
  std::size_t workspace_bytes = 0;
  /// Fills the prepared memory from input 1 alone, filters in another order: before each run, or,
  /// where the input is fixed by the parameters, when these have changed. May be empty.
  std::function<void(const StepContext&)> prepare = {};
  std::size_t prepared_bytes = 0;
};

struct Algorithm {
  const char* name;
  /// Why it cannot run this node, or an empty text. nullptr: it runs every node.
  std::string (*refusal)(const NodeContext&);
  Step (*prepare)(const NodeContext&);
};

/// An op's algorithms in order of preference; the last one runs every node.
struct Lowering {
  const char* op;
  std::vector<Algorithm> algorithms;
};

/// That of every custom op.
const Lowering& custom_op_lowering();

/// What a variant gives to the device.
struct VariantContents {
  std::vector<Lowering> lowerings;
  // For the measurement of what the machine can do at most.
  double (*multiply_adds)(std::int64_t rounds) = nullptr;  ///< returns how many, each twice
  /// c = a + s b; `count` is a multiple of 16.
  void (*triad)(const float* a, const float* b, float s, float* c, std::int64_t count) = nullptr;
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
