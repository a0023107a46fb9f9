// A plan made ready for an OpenCL device: arenas, workspaces, launches with bound arguments,
// and staging memory for the inputs.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "backends/opencl/lowering/plan_lowering.h"
#include "backends/opencl/runtime/command_buffer.h"
#include "backends/opencl/runtime/device.h"
#include "backends/opencl/runtime/recorder.h"

namespace tessera::opencl {

class OpenclExecutable final : public Executable {
 public:
  OpenclExecutable(OpenclDevice& device, const Algorithms& algorithms, const Tuning& tuning,
                   const Plan& plan, Params& params, BoundBuffers bound);
  ~OpenclExecutable() override;

  void set_input(std::string_view name, std::span<const std::byte> bytes) override;
  void run() override;
  void read_output(std::string_view name, std::span<std::byte> bytes) override;
  std::vector<Buffer*> arenas() override;
  const Graph& graph() const override { return graph_; }
  const std::vector<NodeChoice>& choices() const override { return choices_; }
  MemoryUse memory() const override { return memory_; }
  std::vector<ProfileRecord> take_records() override;
  /// The work of a run, in order.
  const std::vector<Step>& steps() const { return steps_; }

 private:
  // The way of an input: caller -> host block (copy queue) -> device block (compute queue) ->
  // arena. With two slots the next batch travels while the present one is worked on.
  struct Slot {
    std::unique_ptr<OpenclBuffer> host;
    void* mapped = nullptr;
    std::unique_ptr<OpenclBuffer> device;
    cl::Event uploaded;  ///< on the copy queue
    cl::Event busy;      ///< the last command that uses this slot; null: none so far
  };
  struct Input {
    cl::Buffer arena;  ///< null: nothing reads this input
    std::size_t bytes = 0;
    std::array<Slot, 2> slots;
    std::size_t next = 0;
    bool pending = false;  ///< the slot before `next` waits for a run
    bool ever_set = false;
    bool is_bound = false;  ///< to a buffer of the application
    Waiter waiter;
  };
  struct Output {
    cl::Buffer buffer;
    std::size_t bytes;
  };

  /// Steps that follow each other, and run when the others of them do.
  struct Batch {
    std::size_t first, end;  ///< of steps_
    CommandBuffer commands;  ///< where nothing is recorded, the steps are enqueued one by one
  };

  std::vector<std::unique_ptr<OpenclBuffer>> allocate(const std::vector<std::size_t>& sizes);
  void bind_values(const Plan& plan, Params& params);
  void fill_constants(const Plan& plan);
  void choose(const Plan& plan, const Algorithms& algorithms, const Tuning& tuning,
              PlanLowering& lowering);
  void check_memory(const Plan& plan, const PlanLowering& lowering);
  void lower(PlanLowering& lowering);
  void make_batches();
  void make_inputs(const Plan& plan);
  void take_input(const std::string& name, Input& input);
  void enqueue(const Step& step);

  OpenclDevice& device_;
  Graph graph_;
  std::vector<NodeLowering> chosen_;  ///< one per node; without an algorithm: a view
  BoundBuffers bound_;
  std::vector<std::unique_ptr<OpenclBuffer>> arenas_;
  std::vector<std::unique_ptr<OpenclBuffer>> constants_;
  std::vector<std::unique_ptr<OpenclBuffer>> tables_;
  std::vector<std::unique_ptr<OpenclBuffer>> workspaces_;
  std::vector<std::unique_ptr<OpenclBuffer>> packed_;
  Params& params_;
  bool updates_params_;
  std::uint64_t seen_version_ = 0;  ///< of the parameters, for which fixed values are there
  // Kernels do not keep their arguments alive, so the executable does.
  Buffers buffers_;
  std::vector<cl::Buffer> kept_;
  std::vector<Step> steps_;
  std::vector<Batch> batches_;
  std::map<std::string, Input, std::less<>> inputs_;
  std::map<std::string, Output, std::less<>> outputs_;
  std::vector<NodeChoice> choices_;
  MemoryUse memory_;
  Recorder recorder_;
};

}  // namespace tessera::opencl
