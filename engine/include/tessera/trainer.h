// The trainer: forward pass, backward pass and update of a network as one plan, over batches.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/classifier.h"
#include "tessera/error.h"
#include "tessera/group.h"
#include "tessera/inspect.h"
#include "tessera/network.h"
#include "tessera/schedule.h"

namespace tessera {

/// Formulas: tessera/ops/optimizers.h.
enum class Optimizer : std::uint8_t { sgd, adam, adamw, rmsprop, adagrad, lars };

/// "sgd", "adam" and so on; `optimizer_of` throws Error that lists them.
TESSERA_API std::string to_string(Optimizer optimizer);
/// The inverse of to_string.
TESSERA_API Optimizer optimizer_of(const std::string& name);

/// What a training does at a step whose loss or gradients are not finite. `stop`: this and all
/// later steps leave weights and states as they are, and the error names the step. `skip`: the step
/// leaves them as they are, and the training continues. `ignore`: saves the time of the check; only
/// a loss that is not finite is noticed, later.
enum class OnNan : std::uint8_t { stop, skip, ignore };
/// "stop", "skip" or "ignore"; `on_nan_of` throws Error that lists them.
TESSERA_API std::string to_string(OnNan on_nan);
/// The inverse of to_string.
TESSERA_API OnNan on_nan_of(const std::string& name);

/// Options of a training. Absent numbers are PyTorch's defaults for the optimizer, except the
/// momentum of sgd and lars. Options that the optimizer does not use are ignored.
struct TrainerOptions {
  Optimizer optimizer = Optimizer::sgd;
  std::optional<double> lr = {};        ///< adam, adamw: 0.001, else 0.01
  std::optional<double> momentum = {};  ///< sgd, lars: 0.9; rmsprop: 0
  bool nesterov = false;                ///< sgd
  double beta1 = 0.9;                   ///< adam, adamw
  double beta2 = 0.999;
  double alpha = 0.99;                      ///< rmsprop
  std::optional<double> eps = {};           ///< adagrad: 1e-10, else 1e-8
  std::optional<double> weight_decay = {};  ///< adamw: 0.01, else 0
  /// Whether biases and the parameters of norms (those of at most one dimension) decay too, as they
  /// do in PyTorch unless they are put into a group of their own.
  bool decay_all = false;
  ScheduleOptions schedule = {};
  Augmentation augment = {};  ///< for image classifiers
  LossOptions loss = {};      ///< for image classifiers
  std::uint64_t seed = 0;     ///< of augmentation and dropout
  double clip_value = 0;      ///< maximum element of a gradient; 0 disables clipping
  double clip_norm = 0;       ///< maximum global gradient norm; 0 disables clipping
  /// Cuts each batch into this many parts, which are computed one after another. This saves memory.
  /// Sums over parts have a fixed order. Batch norms use the statistics of each part; their running
  /// statistics follow the mean over the parts once in a step.
  std::int64_t parts = 1;
  double ema = 0;  ///< keeps averages w_ema = ema * w_ema + (1 - ema) * w of the weights; 0: none
  OnNan on_nan = OnNan::stop;
  /// Name patterns (* matches any characters, ? one) of parameters that keep their values. They get
  /// no gradient, weight decay, average or optimizer state. A batch norm whose weight and bias are
  /// both frozen keeps its running statistics and normalizes with them.
  std::vector<std::string> freeze = {};
  /// If not empty, all parameters that match none of these patterns are frozen too.
  std::vector<std::string> train_only = {};

  /// Whether all options are equal.
  bool operator==(const TrainerOptions&) const = default;
};

/// The same options with all numbers given. Throws Error when one makes no sense.
TESSERA_API TrainerOptions with_defaults(TrainerOptions options);

/// What a training does with the parameters of a task.
struct ParameterUse {
  std::vector<std::string> trained;
  std::vector<std::string> frozen;     ///< as the options say
  std::vector<std::string> unreached;  ///< the loss does not depend on them: they keep their values
};
/// The names of all parameters. Throws Error that lists near names when freeze or train_only have
/// one that fits no parameter.
TESSERA_API ParameterUse parameter_use(const Task& task, const TrainerOptions& options);

/// A step's loss or gradients are not finite.
class TESSERA_API NotFinite : public Error {
 public:
  /// `step`: steps done before it.
  NotFinite(std::int64_t step, const std::string& message) : Error("train", message), step_(step) {}
  /// Steps done before it.
  std::int64_t step() const { return step_; }

 private:
  std::int64_t step_;
};

/// The losses of some steps.
struct LossSum {
  double sum = 0;  ///< of the samples of `steps`: the mean loss of each step times its samples
  std::map<std::string, double> metrics = {};  ///< the same of the metrics of the task
  std::int64_t samples = 0;                    ///< of `steps`
  std::int64_t steps = 0;                      ///< with a finite loss
  std::int64_t skipped = 0;                    ///< others, which had none that was finite
  /// Returns the loss per sample; NaN of none.
  double mean() const { return mean_of(sum); }
  /// Returns a metric per sample; NaN of none. Throws Error if there is no such metric.
  TESSERA_API double mean(const std::string& metric) const;
  /// Adds the losses of other steps.
  LossSum& operator+=(const LossSum& other) {
    sum += other.sum;
    for (const auto& [name, value] : other.metrics) metrics[name] += value;
    samples += other.samples;
    steps += other.steps;
    skipped += other.skipped;
    return *this;
  }

 private:
  double mean_of(double total) const {
    return samples == 0 ? std::numeric_limits<double>::quiet_NaN()
                        : total / static_cast<double>(samples);
  }
};

/// A step of training as one graph, or as two: one that computes the gradients of a part of a batch
/// and adds them to those of the parts before, and one that updates the weights.
enum class StepPart : std::uint8_t { whole, gradients, update };

/// The executables of one device of a training.
struct DeviceExecutables {
  std::string device;  ///< its id
  std::vector<Executable*> executables;
};

class ReplicaGroup;

/// Trains a network.
class TESSERA_API Trainer {
 public:
  /// Adds to the network's params what is not there yet: the buffers of the optimizer,
  /// "<parameter>.momentum" and so on, the averages "<parameter>.ema", the number of steps done,
  /// "step" i32 [1], and what it needs for itself, "trainer.*". A checkpoint may be restored before
  /// or after, but before the first step. The network must outlive the trainer.
  explicit Trainer(Network& network, const TrainerOptions& options = {});
  /// Does the same on several devices, each of which computes consecutive parts of a batch;
  /// `options.parts` is at least their number. Equal devices with equal options give the weights of
  /// one device, bit for bit. A device that fails leaves the group, and the training continues. The
  /// network must be on the leader; if that fails, the network moves to another device. The group
  /// must outlive the trainer.
  Trainer(Network& network, const TrainerOptions& options, const DeviceGroup& devices,
          GroupOptions group = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Starts a step of training and does not wait for it. The first batch of a new size makes a plan
  /// for that size. Throws Error before the step if the batch does not fit the task; now and then,
  /// throws what take_losses would throw.
  void step(const Batch& batch);
  /// Waits for the steps so far and returns their losses since the last call. Throws NotFinite if a
  /// loss or a gradient is not finite, unless such steps are skipped.
  LossSum take_losses();
  /// Repeats step `step`, counted from 0, on copies of the current weights and states, and calls
  /// `visit` for each node up to the update.
  void inspect(const Batch& batch, std::int64_t step, const Visit& visit);
  /// Repeats a step and describes the first node with a result that is not finite.
  std::string find_not_finite(const Batch& batch, std::int64_t step);
  /// Sets the base learning rate of the schedule for later steps.
  void set_lr(double lr);

  /// Steps done, those of earlier trainers and restored checkpoints included.
  std::int64_t steps() const;
  /// All numbers given.
  const TrainerOptions& options() const { return options_; }
  /// The network that it trains.
  Network& network() { return network_; }
  /// Returns the graphs of the plans that step() needs for a batch of this size.
  std::vector<Graph> graphs(std::int64_t batch) const;
  /// Returns the node list with the algorithm chosen for each, for a batch size already used.
  std::vector<std::string> describe(std::int64_t batch) const;
  /// Returns all executables made so far, for profiles; of a group those of the leader.
  std::vector<Executable*> executables();
  /// Returns the executables of each device, in the order of the group. Those of a device that has
  /// left the group are not among them.
  std::vector<DeviceExecutables> executables_by_device();
  /// Returns how many samples each device has computed since the last call. A device that has left
  /// the group is not among them.
  std::vector<DeviceSamples> take_samples();

 private:
  Trainer(Network& network, const TrainerOptions& options, const std::vector<Device*>& others,
          GroupOptions group);
  /// The plans of a step for a batch of this size, in the order in which they run first.
  std::vector<std::pair<std::int64_t, StepPart>> plans(std::int64_t batch) const;
  float lr_of(std::int64_t step) const;
  void check(const Batch& batch) const;
  void read_history();

  Network& network_;
  TrainerOptions options_;
  Task task_;  ///< of the training
  std::vector<std::string> metrics_;
  std::unique_ptr<ReplicaGroup> group_;
  std::int64_t first_step_ = 0;      ///< of the state "step" when this trainer began
  std::int64_t started_ = 0;         ///< steps of this trainer
  std::int64_t read_ = 0;            ///< steps whose losses have been read
  std::deque<std::int64_t> unread_;  ///< samples of each step after those
  LossSum pending_;                  ///< read but not taken
};

}  // namespace tessera
