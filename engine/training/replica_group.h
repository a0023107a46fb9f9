// A step of training on the devices of a group.
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/worker.h"
#include "engine/training/replica.h"
#include "engine/training/tree_sum.h"
#include "tessera/group.h"
#include "tessera/network.h"

namespace tessera {

/// Each device computes the gradients of consecutive parts of each batch. The host adds their sums,
/// and all devices update their weights alike. Updates on devices of different kinds differ in the
/// last bits; then the first device updates and the others get its weights.
class ReplicaGroup {
 public:
  /// The states of the training must be in the network's params. All must outlive the group.
  ReplicaGroup(Network& network, const Task& task, const TrainerOptions& options,
               const std::vector<Device*>& others, GroupOptions group);

  /// Starts a step. A device that fails leaves the group, and the others do its work. If the last
  /// device fails, rethrows its error.
  void step(const TrainingStep& step, float lr);

  /// The device that holds the network.
  Replica& leader() { return *members_.front()->replica; }
  /// See Trainer.
  std::vector<DeviceExecutables> executables();
  std::vector<DeviceSamples> take_samples();

 private:
  struct Member {
    Device* device;
    std::unique_ptr<Params> own;  ///< unless the network holds them
    std::unique_ptr<Replica> replica;
    std::unique_ptr<Worker> worker;
    std::vector<TensorCopies> slots;  ///< by slot
    std::unique_ptr<TensorCopies> weights;
    std::vector<SubtreeSum> sums;
    std::deque<double> seconds;  ///< for each part, of the last steps
    std::int64_t samples = 0;    ///< computed and not taken
  };
  using Work = std::function<void(Member&, std::size_t index)>;

  std::unique_ptr<Member> make_member(Device& device, std::unique_ptr<Params> own);
  /// Calls `work` for each member on its thread, and drops members for which it throws. Returns
  /// whether none was dropped.
  bool on_all(const char* name, const Work& work, std::int64_t step);
  /// Reports the time of `work`; `member`: the member whose thread runs it, or null.
  template <typename Action>
  void timed(const char* name, const Member* member, const Action& work) const;
  void drop(const std::vector<std::exception_ptr>& failures, std::int64_t step);
  void copy_weights_if_changed();
  bool is_of_one_kind() const;
  void set_speeds(std::size_t devices);
  void compute(const TrainingStep& step, const std::vector<Part>& parts);
  void reduce(std::int64_t parts);
  void update(const TrainingStep& step, float lr);
  void send_weights(std::int64_t step);
  /// Throws Error if a device holds other weights than the first one.
  void check_replicas(std::int64_t step);
  void measure_shares(std::int64_t step);
  std::vector<std::int64_t> shares(std::int64_t parts) const;
  void replay(std::int64_t step);
  void report(std::int64_t step, const std::string& text);

  Network& network_;
  const Task& task_;
  const TrainerOptions& options_;
  GroupOptions group_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<Member>> failed_;  ///< kept, since they still own memory
  std::vector<double> speeds_;                   ///< of the members
  bool is_unlike_;                               ///< the devices are of several kinds
  std::vector<float> sum_, weights_;             ///< over all parts; of the leader
  std::uint64_t seen_version_ = 0;               ///< of the leader's weights, which all have
  bool is_reported_ = false;                     ///< the shares of the first step
  std::int64_t measured_ = 0;                    ///< steps since the shares were decided
};

}  // namespace tessera
