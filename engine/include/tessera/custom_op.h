// Ops of one's own: a program that links the library gives the rule of shapes, the gradient and
// what computes the op on each backend, and appends it to graphs like any other. It includes
// neither OpenCL nor the library's internals. docs/library.md walks through one;
// examples/custom_op.cpp is it. tessera/gradient_check.h says in one call whether its gradient is
// right.
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

/// A node of a custom op: what its shapes and attributes are. Tensors are dense, the last dimension
/// first in memory.
struct CustomNode {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  Attributes attributes;
};

/// The same with the memory of its tensors on the CPU.
struct CpuNode : CustomNode {
  std::vector<const void*> input_data;
  std::vector<void*> output_data;

  /// The elements of input `i`; T is float, std::int32_t or std::uint8_t, as its spec says.
  template <typename T = float>
  std::span<const T> input(std::size_t i) const {
    return {static_cast<const T*>(input_data.at(i)),
            static_cast<std::size_t>(inputs.at(i).elements())};
  }
  /// Those of output `i`, to be written, all of them; they hold nothing of use before.
  template <typename T = float>
  std::span<T> output(std::size_t i) const {
    return {static_cast<T*>(output_data.at(i)), static_cast<std::size_t>(outputs.at(i).elements())};
  }
};

/// Calls part(begin, end) for parts of [0, items) on the device's threads and returns when all are
/// done. `nanoseconds`: about what an item takes. How the items are cut does not depend on the
/// number of threads. `part` must not throw.
using CpuThreads =
    std::function<void(std::int64_t items, double nanoseconds,
                       const std::function<void(std::int64_t begin, std::int64_t end)>& part)>;

/// An argument of a kernel: the buffer of an input.
struct InputBuffer {
  std::size_t index;
};
/// The same of an output.
struct OutputBuffer {
  std::size_t index;
};
/// Whole numbers become `int`, others `float`.
using KernelArgument = std::variant<InputBuffer, OutputBuffer, std::int64_t, double>;

/// One launch of a kernel.
struct KernelLaunch {
  std::string kernel;
  std::vector<KernelArgument> arguments;  ///< in the order of the kernel's parameters
  /// Work-items in each dimension, rounded up to whole work-groups: kernels check their bounds.
  /// None is launched where a dimension is 0.
  std::array<std::size_t, 3> global = {1, 1, 1};
  /// Work-items of a group; all 0: the device's choice of {n, 1, 1}.
  std::array<std::size_t, 3> local = {0, 0, 0};
  /// Macros of the source, e.g. {"K", "3"}. Each set of them is compiled once.
  std::map<std::string, std::string> macros = {};
};

/// How OpenCL devices compute an op.
struct OpenclKernels {
  std::string source;  ///< OpenCL C 1.2, complete; messages call it "custom/NAME.cl"
  /// What a node launches, in order. Asked when a plan is compiled, never in a run.
  std::function<std::vector<KernelLaunch>(const CustomNode&)> launches;
};

/// What makes up an op. A memory that it needs while it runs is an output that nobody reads.
struct CustomOpDefinition {
  std::string name;  ///< letters, digits and '_'; not that of an op of the library
  /// Output specs for the inputs; throws Error with a message that names neither op nor node.
  std::vector<TensorSpec> (*infer)(const InferContext&) = nullptr;
  /// Appends the nodes of the gradient: ops of the library or custom ones. nullptr: not
  /// differentiable.
  void (*gradient)(GradientContext&) = nullptr;
  /// Computes a node on the CPU. Empty: the op has no implementation there.
  std::function<void(const CpuNode&, const CpuThreads&)> cpu = {};
  /// Empty: the op has no implementation for OpenCL devices.
  std::optional<OpenclKernels> opencl = {};
};

/// An op of one's own. It must outlive the graphs, plans and executables that have it; a constant
/// at namespace scope does.
class TESSERA_API CustomOp {
 public:
  /// Throws Error when the name does not do, or `infer` or all implementations are missing.
  explicit CustomOp(CustomOpDefinition definition);
  CustomOp(const CustomOp&) = delete;
  CustomOp& operator=(const CustomOp&) = delete;

  /// What Graph::add takes.
  operator const Op&() const { return op_; }
  /// As it was given.
  const CustomOpDefinition& definition() const { return definition_; }

 private:
  const CustomOpDefinition definition_;
  const Op op_;
};

}  // namespace tessera
