// From nodes to steps: what the op files of each variant get of a node, and the algorithms that
// they give to the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/common/algorithm.h"
#include "backends/cpu/lowering/step.h"

namespace tessera::cpu {

struct Processor {
  int threads;
  std::uint64_t cache_bytes;  ///< of the last cache before memory; 0: unknown
};

/// A node, and the processor that is to run it.
class DeviceNode : public NodeView {
 public:
  DeviceNode(NodeView node, const Processor& processor)
      : NodeView(std::move(node)), processor_(processor) {}

  int threads() const { return processor_.threads; }
  /// Returns whether to write output `i` with non-temporal stores: it is so large that it has left
  /// the cache when it is read. Other parts of the cache belong to what else is read and written,
  /// and to other processes.
  bool past_cache(std::size_t i) const {
    constexpr std::uint64_t part = 4;
    return processor_.cache_bytes > 0 && output_spec(i).bytes() >= processor_.cache_bytes / part;
  }

 private:
  Processor processor_;
};

/// A node with the memory of its values.
class BoundNode : public DeviceNode {
 public:
  BoundNode(DeviceNode node, std::vector<std::byte*> inputs, std::vector<std::byte*> outputs)
      : DeviceNode(std::move(node)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

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

 private:
  std::vector<std::byte*> inputs_;
  std::vector<std::byte*> outputs_;
};

using Algorithm = BasicAlgorithm<DeviceNode, Step(const BoundNode&)>;
using OpAlgorithms = BasicOpAlgorithms<Algorithm>;

/// The algorithm of every custom op.
Algorithm custom_op_algorithm();

/// What a variant gives to the device.
struct VariantContents {
  std::vector<OpAlgorithms> ops;
  // For the measurement of what the machine can do at most.
  double (*multiply_adds)(std::int64_t rounds) = nullptr;  ///< returns how many, each twice
  /// c = a + s b; `count` is a multiple of 16.
  void (*triad)(const float* a, const float* b, float s, float* c, std::int64_t count) = nullptr;
};

}  // namespace tessera::cpu
