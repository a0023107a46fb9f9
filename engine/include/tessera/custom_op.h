// Custom ops. A program defines the shape inference, the gradient and the implementation on each
// backend, and appends the op to graphs like any other. It needs neither OpenCL headers nor the
// library's internals. docs/library.md explains an example, examples/custom_op.cpp.
// tessera/gradient_check.h checks the gradient in one call.
//
//     const CustomOp swish({.name = "swish", .infer = ..., .gradient = ..., .opencl = ...});
//     Var y = graph.add(swish, {x}, {{"beta", 1.5}})[0];
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tessera/op.h"

namespace tessera {

/// Shapes and attributes of a node of a custom op. Tensors are dense; the last dimension is
/// contiguous in memory.
struct CustomNode {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  Attributes attributes;
};

/// A node with the memory of its tensors on the CPU.
struct CpuNode : CustomNode {
  std::vector<const void*> input_data;
  std::vector<void*> output_data;

  /// Returns the elements of input `i`. T is float, std::int32_t or std::uint8_t, according to its
  /// spec.
  template <typename T = float>
  std::span<const T> input(std::size_t i) const {
    return {static_cast<const T*>(input_data.at(i)),
            static_cast<std::size_t>(inputs.at(i).elements())};
  }
  /// Returns the elements of output `i`, which are uninitialized. The op must write all of them.
  template <typename T = float>
  std::span<T> output(std::size_t i) const {
    return {static_cast<T*>(output_data.at(i)), static_cast<std::size_t>(outputs.at(i).elements())};
  }
};

/// Calls part(begin, end) for parts of [0, items) on the device's threads and returns when all are
/// done. `nanoseconds` is the approximate time of one item. The division into parts does not depend
/// on the number of threads. `part` must not throw.
using CpuThreads =
    std::function<void(std::int64_t items, double nanoseconds,
                       const std::function<void(std::int64_t begin, std::int64_t end)>& part)>;

/// A kernel argument: the buffer of an input.
struct InputBuffer {
  std::size_t index;
};
/// A kernel argument: the buffer of an output.
struct OutputBuffer {
  std::size_t index;
};
/// An argument of a kernel. Integers become `int`, other numbers `float`.
using KernelArgument = std::variant<InputBuffer, OutputBuffer, std::int64_t, double>;

/// One launch of a kernel.
struct KernelLaunch {
  std::string kernel;
  std::vector<KernelArgument> arguments;  ///< in the order of the kernel's parameters
  /// Global size in each dimension. It is rounded up to whole work-groups, so kernels must check
  /// their bounds. If a dimension is 0, nothing is launched.
  std::array<std::size_t, 3> global = {1, 1, 1};
  /// Local size. All 0: the device chooses a size {n, 1, 1}.
  std::array<std::size_t, 3> local = {0, 0, 0};
  /// Macros of the source, e.g. {"K", "3"}. Each set of macros is compiled once.
  std::map<std::string, std::string> macros = {};
};

/// The OpenCL implementation of an op.
struct OpenclKernels {
  std::string source;  ///< OpenCL C 1.2, complete; messages call it "custom/NAME.cl"
  /// Returns the launches of a node, in order. Called when a plan is compiled, never during a run.
  std::function<std::vector<KernelLaunch>(const CustomNode&)> launches;
};

/// The definition of an op. If it needs workspace, declare it as an output that nobody reads.
struct CustomOpDefinition {
  std::string name;  ///< letters, digits and '_'; not the name of an op of the library
  /// Returns the output specs for the inputs. Throws Error with a message that names neither the op
  /// nor the node.
  std::vector<TensorSpec> (*infer)(const InferContext&) = nullptr;
  /// Appends the nodes of the gradient: ops of the library or custom ops. nullptr: not
  /// differentiable.
  void (*gradient)(GradientContext&) = nullptr;
  /// Computes a node on the CPU. Empty: the op has no CPU implementation.
  std::function<void(const CpuNode&, const CpuThreads&)> cpu = {};
  /// Empty: the op has no OpenCL implementation.
  std::optional<OpenclKernels> opencl = {};
};

/// A custom op. It must outlive the graphs, plans and executables that use it; a constant at
/// namespace scope does.
class TESSERA_API CustomOp {
 public:
  /// Throws Error if the name is invalid, or if `infer` or all implementations are missing.
  explicit CustomOp(CustomOpDefinition definition);
  CustomOp(const CustomOp&) = delete;
  CustomOp& operator=(const CustomOp&) = delete;

  /// Converts to the op for Graph::add.
  operator const Op&() const { return op_; }
  /// Returns the definition.
  const CustomOpDefinition& definition() const { return definition_; }

 private:
  const CustomOpDefinition definition_;
  const Op op_;
};

}  // namespace tessera
