// A network: a task with its weights on a device, ready to train, evaluate and predict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/augment.h"
#include "tessera/dataset.h"
#include "tessera/device.h"
#include "tessera/params.h"
#include "tessera/task.h"

namespace tessera {

struct LossOptions;

/// Weights of the last step, or their averages over the steps, "<parameter>.ema".
enum class Weights : std::uint8_t { last, averaged };
/// Returns the name of a parameter's average. Parameters that a training leaves as they are have
/// none beside those of others: they are their own.
TESSERA_API std::string average_of(const Params& params, const std::string& parameter);

/// How well a network does on a data set.
struct Evaluation {
  double loss = 0;                             ///< mean over the samples
  std::map<std::string, double> metrics = {};  ///< means over the samples
  std::int64_t samples = 0;
};

/// A tensor in host memory.
struct HostTensor {
  TensorSpec spec;
  std::vector<std::byte> bytes;

  /// Returns the elements of a tensor f32. Throws Error for other types.
  TESSERA_API std::vector<float> floats() const;
};

/// A task and its weights on a device.
class TESSERA_API Network {
 public:
  /// Initializes the weights from `seed`; without one they have no values until a checkpoint is
  /// restored. The device must outlive the network. Throws Error as append_task does.
  Network(Device& device, Task task, std::optional<std::uint64_t> seed = 0);
  virtual ~Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// The task that it was made for.
  const Task& task() const { return task_; }
  /// Its description, as checkpoints keep it.
  const TaskDescription& description() const { return description_; }
  /// Its weights and states.
  Params& params() { return *params_; }
  /// Its weights and states.
  const Params& params() const { return *params_; }
  /// The device that it computes on.
  Device& device() const { return params_->device(); }
  /// For trainers: replaces the weights and states by others of the same names, which may be on
  /// another device. Returns the old ones.
  std::unique_ptr<Params> exchange_params(std::unique_ptr<Params> params);

  /// Returns the mean loss and metrics over a data set. `stops` is called before each batch and
  /// ends the evaluation early: `Evaluation::samples` then counts the samples until there. Throws
  /// Error if the data set lacks an input of the task, has it with another type or shape, or is
  /// empty; and if averages are wanted and there are none.
  Evaluation evaluate(const Dataset& dataset, std::int64_t batch = 250,
                      Weights weights = Weights::last, const std::function<bool()>& stops = {});
  /// Returns the outputs of the task for a batch, [batch.size, ...], by name. Inputs that no output
  /// depends on, such as labels, may be missing from the batch.
  std::map<std::string, HostTensor> predict(const Batch& batch, Weights weights = Weights::last);

  /// The graph that `evaluate` runs for `batch` samples: outputs "loss", and those and the metrics
  /// of the task.
  Graph evaluation_graph(std::int64_t batch, Weights weights = Weights::last) const;
  /// The compiled evaluation_graph, made when first asked for.
  Executable& evaluation(std::int64_t batch, Weights weights = Weights::last);

  /// The task of a training with these options. Throws Error if the task does not support one.
  virtual Task training_task(const Augmentation& augment, const LossOptions& loss) const;

 private:
  Executable& prediction(std::int64_t batch, Weights weights);

  Task task_;
  TaskDescription description_;
  std::unique_ptr<Params> params_;
  using ByBatch = std::map<std::pair<std::int64_t, Weights>, std::unique_ptr<Executable>>;
  ByBatch evaluations_, predictions_;
};

}  // namespace tessera
