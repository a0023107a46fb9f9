// What a training learns: named inputs, and a function that builds a loss from them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/dataset.h"
#include "tessera/graph.h"

namespace tessera {

/// A value of a graph and its name.
struct NamedVar {
  std::string name;
  Var value;
};

/// The inputs of a batch, as values of a graph.
class TESSERA_API TaskInputs {
 public:
  /// `values` must not be empty.
  TaskInputs(std::int64_t samples, std::vector<NamedVar> values)
      : samples_(samples), values_(std::move(values)) {}
  /// Returns an input, [samples, shape of a sample]. Throws Error that lists the names.
  Var operator[](std::string_view name) const;
  /// Samples in the batch.
  std::int64_t samples() const { return samples_; }
  /// The graph of the inputs. Its mode is Mode::training in a step of training, where it gets a
  /// backward pass, and Mode::inference in an evaluation.
  Graph& graph() const { return values_.front().value.graph(); }

 private:
  std::int64_t samples_;
  std::vector<NamedVar> values_;
};

/// What a task makes of its inputs.
struct TaskGraph {
  Var loss;                            ///< f32 [1]: the mean over the samples of the batch
  std::vector<NamedVar> outputs = {};  ///< predictions, [samples, ...]
  std::vector<NamedVar> metrics = {};  ///< f32 [1]: means over the samples
};

/// Samples of a step of training for which random numbers are drawn.
struct TaskDraw {
  std::uint64_t seed = 0;    ///< TrainerOptions::seed
  std::int64_t step = 0;     ///< counted from 0
  std::int64_t first = 0;    ///< position of the first sample in the batch of the step
  std::int64_t samples = 0;  ///< how many
};

/// What a network computes and what a training minimizes.
struct Task {
  std::string name;
  std::vector<SampleSpec> inputs;
  /// Appends the forward pass and the loss to the graph of the inputs.
  std::function<TaskGraph(const TaskInputs& inputs)> build;
  /// Optional: the values of further inputs f32 that `build` appends to training graphs, by name,
  /// such as random augmentations. A pure function of its argument, so that a resumed training
  /// draws the same.
  std::function<std::map<std::string, std::vector<float>>(const TaskDraw&)> draw = {};
};

/// A task without its functions, as checkpoints keep it.
struct TaskDescription {
  std::string name;
  std::vector<SampleSpec> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> metrics;

  /// Whether all of it is equal.
  bool operator==(const TaskDescription&) const = default;
};

/// Describes a task that append_task has built.
TESSERA_API TaskDescription describe(const Task& task, const TaskGraph& built);

/// Appends the inputs, the forward pass and the loss for `samples` samples. Throws Error that names
/// the task if it has no inputs or no build function, or if a loss, output or metric has another
/// type or shape than TaskGraph says.
TESSERA_API TaskGraph append_task(Graph& graph, const Task& task, std::int64_t samples);

/// Throws Error that names the first input of the task that `found` lacks, or has with another
/// element type or shape.
TESSERA_API void check_inputs(const Task& task, const std::vector<SampleSpec>& found);

}  // namespace tessera
