// From a node to launches: what an algorithm needs to make them.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "backends/opencl/lowering/device_node.h"
#include "backends/opencl/runtime/launch.h"

namespace tessera::opencl {

/// Work of another library, e.g. CLBlast; it must enqueue on this queue.
using Call = std::function<void(cl::CommandQueue&)>;

/// Where a value lies: its bytes as a buffer of their own, which are a part of a block.
struct Storage {
  cl::Buffer buffer;
  cl::Buffer block;
  std::size_t offset = 0;  ///< bytes from the start of the block
};

/// What the nodes of a plan share (plan_lowering.h).
struct LoweringState;

/// Makes the launches of a node. Each node is lowered twice: first to measure how much workspace it
/// needs and to collect its programs, when buffers are null and launches are dropped.
class LaunchBuilder : public DeviceNode {
 public:
  LaunchBuilder(LoweringState& state, NodeId node, bool measuring, Parameters parameters,
                Piece piece);
  LaunchBuilder(const LaunchBuilder&) = delete;
  LaunchBuilder& operator=(const LaunchBuilder&) = delete;

  cl::Buffer input(std::size_t i) { return storage_of_input(i).buffer; }
  cl::Buffer output(std::size_t i);
  /// Where the input lies in a block that kernels reach with offsets of 32 bits.
  Storage input_storage(std::size_t i);

  /// Memory that is this node's until its last launch has ended. Throws TooLarge.
  cl::Buffer workspace(std::size_t bytes);

  /// Memory with these contents, written once.
  cl::Buffer table(std::span<const std::int32_t> values);
  cl::Buffer table(std::span<const float> values);
  /// Something to bind to a parameter that the kernel does not read.
  cl::Buffer unused() { return table(std::span<const float>()); }

  /// Adds a kernel file that `launch` then finds by its name.
  void add_kernel_file(const std::string& name, const std::string& source);

  /// Appends a launch. A range without work-items is dropped.
  template <class... Arguments>
  void launch(std::string_view file, const Defines& defines, const std::string& kernel,
              const Range& range, const Arguments&... arguments) {
    if (range.global[0] * range.global[1] * range.global[2] == 0) return;
    if (measuring_) return add_program(file, defines);
    append(checked(kernel, [&] {
      return make_launch(find_kernel(file, defines, kernel), range, cl_device(), traits(), kernel,
                         arguments...);
    }));
  }

  /// Appends a one-dimensional launch over items (FOR_ITEMS in common.h); the kernel's last two
  /// parameters are their number and that of each work-item, on CPUs at least `at_least`.
  template <class... Arguments>
  void launch_items(std::string_view file, const Defines& defines, const std::string& kernel,
                    std::int64_t items, std::int64_t at_least, const Arguments&... arguments) {
    const std::int64_t chunk = chunk_of(items, at_least);
    const Range range = {{static_cast<std::size_t>((items + chunk - 1) / chunk), 1, 1},
                         {traits().work_group, 1, 1}};
    to_int((ceil_div(items, chunk) + static_cast<std::int64_t>(traits().work_group)) * chunk);
    launch(file, defines, kernel, range, arguments..., to_int(items), to_int(chunk));
  }

  /// Appends a call, which also runs at once: the library builds its kernels now rather than in the
  /// first run.
  void call(const Call& work);
  /// The queue that calls get, for libraries that ask it what they need.
  cl::CommandQueue& queue() const;

 private:
  friend class Prepacking;

  Storage storage_of_input(std::size_t i);
  /// `by_row`: the rows of the piece alone.
  Storage storage(ValueId value, bool by_row);
  std::int64_t chunk_of(std::int64_t items, std::int64_t at_least) const;
  cl::Buffer table(const void* data, std::size_t bytes);
  void add_program(std::string_view file, const Defines& defines);
  cl::Kernel find_kernel(std::string_view file, const Defines& defines, const std::string& kernel);
  cl::Device& cl_device() const;
  void append(std::variant<Launch, Call> work);

  LoweringState& state_;
  Piece piece_;
  bool measuring_;
  bool prepacking_ = false;  ///< from inputs that are fixed
};

/// While it lives, launches read nothing but these inputs, and write workspace that only they
/// write: weights in another order. Where the inputs are fixed by the parameters, the launches run
/// when these have changed, and the workspace lasts until then.
class Prepacking {
 public:
  Prepacking(LaunchBuilder& builder, std::initializer_list<std::size_t> inputs);
  ~Prepacking() { builder_.prepacking_ = false; }
  Prepacking(const Prepacking&) = delete;
  Prepacking& operator=(const Prepacking&) = delete;

 private:
  LaunchBuilder& builder_;
};

}  // namespace tessera::opencl
