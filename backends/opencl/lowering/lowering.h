// From nodes to launches. Each family's file exports a table: for every op an ordered list of
// algorithms, the plain one last; each algorithm answers whether it can run a node and lowers it.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/opencl/lowering/blocks.h"
#include "backends/opencl/runtime/device.h"
#include "backends/opencl/runtime/launch.h"
#include "engine/base/checked_size.h"
#include "tessera/op.h"
#include "tessera/plan.h"
#include "tessera/profile.h"

namespace tessera::opencl {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::size_t float_bytes(std::int64_t count) {
  return static_cast<std::size_t>(checked_mul(count, sizeof(float), "the memory of a kernel"));
}

/// Work of another library, e.g. CLBlast; it must enqueue on this queue.
using Call = std::function<void(cl::CommandQueue&)>;

struct Step {
  NodeId node = no_node;
  std::variant<Launch, Call> work;
  bool is_fixed = false;  ///< gives the same until the parameters change
};

/// Where a value lies: its bytes as a buffer of their own, which are a part of a block.
struct Storage {
  cl::Buffer buffer;
  cl::Buffer block;
  std::size_t offset = 0;  ///< bytes from the start of the block
};
/// Those of a plan's values.
using Buffers = std::map<ValueId, Storage>;

/// A size that the kernels of an algorithm cannot count, or memory that the device does not allow
/// at once. The algorithm then refuses the node.
class TooLarge : public Error {
 public:
  TooLarge(const Node& node, std::string reason)
      : Error(std::string(node.op->name), fmt::format("{} (node '{}')", reason, node.name)),
        reason_(std::move(reason)) {}
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

/// A part of a node: rows of the first dimension of its outputs and of some inputs.
struct Piece {
  std::vector<bool> inputs = {};  ///< which have these rows; the node gets the others as a whole
  std::int64_t first = 0;
  std::int64_t count = 0;  ///< 0: all rows, and all inputs as a whole
};

/// What an algorithm sees of one node, and where it puts its launches. Nodes are lowered twice:
/// first to measure how much workspace they need and to collect their programs, when buffers are
/// null and launches are dropped.
class Lowering {
 public:
  Lowering(OpenclDevice& device, const Plan& plan)
      : device_(device), plan_(plan), graph_(plan.graph()) {}

  const Graph& graph() const { return graph_; }
  const Node& node() const { return graph_.node(node_); }
  const Attributes& attributes() const { return node().attributes; }
  const Traits& traits() const { return device_.traits(); }
  /// The number that tuning chose for this node, one of the algorithm's candidates, or `untuned`.
  std::int64_t parameter(std::string_view name, std::int64_t untuned) const;
  OpenclDevice& device() const { return device_; }
  std::size_t input_count() const { return node().inputs.size(); }
  std::size_t output_count() const { return node().outputs.size(); }
  const TensorSpec& input_spec(std::size_t i) const { return input_specs_.at(i); }
  const TensorSpec& output_spec(std::size_t i) const { return output_specs_.at(i); }
  cl::Buffer input(std::size_t i) {
    return storage(node().inputs.at(i), piece_.count > 0 && piece_.inputs[i]).buffer;
  }
  cl::Buffer output(std::size_t i) {
    return storage(node().outputs.at(i), piece_.count > 0).buffer;
  }
  /// Where the input lies in a block that kernels reach with offsets of 32 bits.
  Storage input_storage(std::size_t i);

  /// Memory that is this node's until its last launch has ended.
  cl::Buffer workspace(std::size_t bytes);
  /// While it lives, launches read nothing but these inputs, and write workspace that only they
  /// write: filters in another order. Where the inputs are fixed by the parameters, both last until
  /// these change.
  class Preparation {
   public:
    Preparation(Lowering& l, std::initializer_list<std::size_t> inputs);
    ~Preparation() { l_.preparing_ = false; }
    Preparation(const Preparation&) = delete;
    Preparation& operator=(const Preparation&) = delete;

   private:
    Lowering& l_;
  };

  /// Memory with these contents, written once.
  cl::Buffer table(std::span<const std::int32_t> values);
  cl::Buffer table(std::span<const float> values);
  /// Something to bind to a parameter that the kernel does not read.
  cl::Buffer unused() { return table(std::span<const float>()); }

  /// The macros every kernel file takes, for vectors of `width` lanes (0: the device's choice).
  Defines defines(std::size_t width = 0) const;
  std::int64_t width() const { return static_cast<std::int64_t>(traits().float_width); }

  /// Appends a launch. A range without work-items is dropped.
  template <class... Arguments>
  void launch(std::string_view file, const Defines& defines, const std::string& kernel,
              const Range& range, const Arguments&... arguments) {
    if (range.global[0] * range.global[1] * range.global[2] == 0) return;
    if (measuring_) {
      programs_.emplace_back(file, defines.options());
      return;
    }
    append(checked(kernel, [&] {
      return make_launch(device_.programs().kernel(file, defines, kernel), range,
                         device_.cl_device(), traits(), kernel, arguments...);
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

  bool measuring() const { return measuring_; }
  void call(Call work) {
    if (!measuring_) append(std::move(work));
  }

  /// Whether output `i` has left the cache when it is read (store_output in common.h).
  cl_int past_cache(std::size_t i) const;
  /// Kernels count in 32-bit integers. Throws TooLarge when a number does not fit.
  cl_int to_int(std::int64_t value) const;
  cl_int elements(const TensorSpec& spec) const { return to_int(spec.elements()); }

  // For the executable.
  void begin(NodeId node, bool measuring, Parameters parameters = {}, Piece piece = {});
  /// What measuring has counted so far.
  struct Measured {
    Blocks workspaces, prepared;
    std::size_t table_bytes = 0;
    std::size_t programs = 0;
  };
  Measured measured() const { return {workspaces_, prepared_, table_bytes_, programs_.size()}; }
  void restore(const Measured& measured);
  /// `workspaces` and `prepared` have the sizes that measuring has found.
  void set_memory(const Buffers* buffers, std::vector<cl::Buffer> workspaces,
                  std::vector<cl::Buffer> prepared);
  /// Those of the launches that were measured, some more than once.
  const std::vector<ProgramCache::Name>& programs() const { return programs_; }
  /// What the node that needs most of a block needs of it.
  const Blocks& workspaces() const { return workspaces_; }
  /// Of the preparations of all nodes.
  const Blocks& prepared() const { return prepared_; }
  std::vector<Step> take_steps() { return std::move(steps_); }
  std::size_t table_bytes() const { return table_bytes_; }
  std::vector<cl::Buffer> take_buffers() { return std::move(kept_); }
  std::vector<std::unique_ptr<OpenclBuffer>> take_tables() { return std::move(tables_); }

 private:
  /// `by_row`: the rows of the piece alone.
  Storage storage(ValueId value, bool by_row);
  std::int64_t chunk_of(std::int64_t items, std::int64_t at_least) const;
  cl::Buffer table(const void* data, std::size_t bytes);
  void append(std::variant<Launch, Call> work) {
    steps_.push_back({node_, std::move(work), preparing_ || plan_.runs_once(node_)});
  }

  OpenclDevice& device_;
  const Plan& plan_;
  const Graph& graph_;
  NodeId node_ = no_node;
  Piece piece_;
  std::vector<TensorSpec> input_specs_, output_specs_;
  bool measuring_ = true;
  bool preparing_ = false;
  Parameters parameters_;
  const Buffers* buffers_ = nullptr;
  Blocks workspaces_, prepared_;
  std::vector<cl::Buffer> workspace_blocks_, prepared_blocks_;
  std::size_t table_bytes_ = 0;  ///< of all nodes
  std::vector<ProgramCache::Name> programs_;
  std::vector<Step> steps_;
  // For the executable to keep alive.
  std::vector<cl::Buffer> kept_;
  std::vector<std::unique_ptr<OpenclBuffer>> tables_;
};

struct Algorithm {
  std::string_view name;
  /// Empty: it can run the node; else the reason why not.
  std::string (*refusal)(const Lowering&);
  void (*lower)(Lowering&);
  /// The parameters worth trying for a node that it can run, besides its own choice of them. What
  /// `lower` reads is one of these, whole, or nothing.
  std::vector<Parameters> (*candidates)(const Lowering&) = nullptr;
  /// Not empty: why it is unlikely to pay for a node that it can run. Then it waits to be tuned or
  /// preferred.
  std::string (*doubt)(const Lowering&) = nullptr;
};

/// That of every custom op.
Algorithm custom_op_algorithm();

struct OpLowering {
  std::string_view op;
  std::vector<Algorithm> algorithms;
};

/// For algorithms that can run every node.
inline std::string never_refuses(const Lowering&) { return {}; }

/// Every op's algorithms: those preferred by TESSERA_OPENCL_ALGORITHM come before tuned ones, and
/// those before the rest.
class LoweringTable {
 public:
  /// `preferences` is "op=algorithm,..."; throws Error when it names an unknown one.
  explicit LoweringTable(std::string_view preferences);

  struct Choice {
    const Algorithm* algorithm = nullptr;
    Parameters parameters;
    std::string tuned;             ///< as NodeChoice::tuned
    std::vector<Refusal> refused;  ///< those before it
    std::vector<Piece> pieces;
  };
  /// Measures a node with the algorithm and parameters that tuning found, or with the first
  /// algorithm that can run it. Throws Error when there is none.
  Choice choose(Lowering& lowering, NodeId node, const Tuning& tuning) const;
  /// As Device::candidates.
  std::vector<Candidate> candidates(Lowering& lowering, NodeId node) const;

 private:
  struct Op {
    std::vector<Algorithm> algorithms;
    bool has_preference = false;  ///< its first algorithm stands before a tuned one
  };
  const Op* find(const Lowering& lowering) const;

  std::map<std::string_view, Op> ops_;
  const Op custom_ = {{custom_op_algorithm()}};
};

// The tables of the families, by name.
#define TESSERA_OP_FAMILY(name) std::vector<OpLowering> name##_lowerings();
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY

}  // namespace tessera::opencl
