#include "engine/training/replica_group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "engine/base/steady_time.h"
#include "engine/data/split.h"
#include "engine/training/part_sums.h"
#include "engine/training/training_graph.h"
#include "tessera/error.h"

namespace tessera {
namespace {

// Shares follow median times over this many steps.
constexpr std::size_t window = 8;
// Work moves to other devices if that makes a step at least this much shorter.
constexpr double worthwhile = 0.87;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The time of the device that ends last, in units of 1 / speed.
double time_of(const std::vector<std::int64_t>& shares, const std::vector<double>& speeds) {
  double last = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) last = std::max(last, static_cast<double>(shares[i]) / speeds[i]);
  return last;
}

/// Copies all tensors of `from`, which are contiguous.
void copy_params(const Params& from, Params& to, const Graph& graph) {
  to.add(graph, std::nullopt);
  for (const auto& [name, entry] : from.entries())
    if (to.has(name))
      to.write(name, from.read(name));
    else
      to.add_state(name, entry.spec, from.read(name));
}

/// Excludes internal states, which differ between devices that compute different parts.
std::uint64_t checksum(const Params& params, bool of_states) {
  std::uint64_t sum = 0;
  for (const auto& [name, entry] : params.entries()) {
    if (name.starts_with("trainer.") || (entry.role != Role::parameter && !of_states)) continue;
    const std::vector<std::byte> bytes = params.read(name);
    const std::array<std::uint64_t, 2> both = {
        sum,
        data::content_hash({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()})};
    sum = data::content_hash({reinterpret_cast<const std::uint8_t*>(both.data()), sizeof both});
  }
  return sum;
}

std::vector<std::string> parameter_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Value& value : graph.values())
    if (value.role == Role::parameter) names.push_back(value.name);
  return names;
}

}  // namespace

ReplicaGroup::ReplicaGroup(Network& network, const Task& task, const TrainerOptions& options,
                           const std::vector<Device*>& others, GroupOptions group)
    : network_(network), task_(task), options_(options), group_(std::move(group)) {
  const std::size_t devices = others.size() + 1;
  if (options.parts < static_cast<std::int64_t>(devices))
    throw Error(
        "train",
        fmt::format("{} devices share {} parts of a batch, expected at least one part per device",
                    devices, options.parts));
  if (!group_.shares.empty() && group_.shares.size() != devices)
    throw Error("train", fmt::format("there are {} shares, expected one for each of {} devices",
                                     group_.shares.size(), devices));
  if (std::any_of(group_.shares.begin(), group_.shares.end(),
                  [](double share) { return !(share > 0); }))
    throw Error("train", fmt::format("shares are {}, expected numbers above 0",
                                     fmt::join(group_.shares, ",")));
  members_.push_back(make_member(network.device(), nullptr));
  for (Device* device : others)
    members_.push_back(make_member(*device, std::make_unique<Params>(*device)));
  set_speeds(devices);
  is_unlike_ = !is_of_one_kind();
}

void ReplicaGroup::set_speeds(std::size_t devices) {
  speeds_ = group_.shares.empty() ? std::vector<double>(devices, 1) : group_.shares;
  std::vector<std::string> ids;
  for (const auto& member : members_) ids.push_back(member->device->info().id);
  for (const GroupShares& start : group_.start)
    if (start.devices == ids && group_.shares.empty())
      speeds_.assign(start.parts.begin(), start.parts.end());
}

std::unique_ptr<ReplicaGroup::Member> ReplicaGroup::make_member(Device& device,
                                                                std::unique_ptr<Params> own) {
  auto member = std::make_unique<Member>();
  member->device = &device;
  Params& params = own ? *own : network_.params();
  if (own) member->worker = std::make_unique<Worker>();
  member->own = std::move(own);
  member->replica = std::make_unique<Replica>(params, task_, options_);
  return member;
}

bool ReplicaGroup::is_of_one_kind() const {
  const DeviceInfo& first = members_.front()->device->info();
  return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
    return are_of_one_kind(member->device->info(), first);
  });
}

void ReplicaGroup::step(const TrainingStep& step, float lr) {
  if (options_.parts == 1) {
    members_.front()->samples += step.batch.size;
    return leader().run_whole(step, lr);
  }
  const std::vector<Part> parts = parts_of(step.batch.size, options_.parts);
  copy_weights_if_changed();
  if (members_.size() > 1) replay(step.step);
  if (members_.size() > 1 && !is_reported_) report(step.step, "");
  compute(step, parts);
  update(step, lr);
  seen_version_ = network_.params().version();
  check_replicas(step.step);
  measure_shares(step.step);
}

template <typename Action>
void ReplicaGroup::timed(const char* name, const Member* member, const Action& work) const {
  if (!group_.on_span) return work();
  const double start = steady_seconds();
  work();
  group_.on_span({member ? member->device->info().id : "", name, start, steady_seconds()});
}

void ReplicaGroup::copy_weights_if_changed() {
  Params& params = network_.params();
  if (members_.size() == 1 || params.version() == seen_version_) return;
  const Graph graph = training_graph(task_, 1, options_, StepPart::whole);
  for (const auto& member : members_) {
    if (member->own) copy_params(params, *member->own, graph);
    member->slots.clear();
    for (int slot = 0; slot < slot_count(options_.parts); ++slot)
      member->slots.emplace_back(member->replica->params(), states_of_slot(graph, slot));
    sum_.resize(member->slots.back().elements());
    member->weights =
        std::make_unique<TensorCopies>(member->replica->params(), parameter_names(graph));
  }
}

bool ReplicaGroup::on_all(const char* name, const Work& work, std::int64_t step) {
  const Work run = [&](Member& member, std::size_t index) {
    timed(name, &member, [&] { work(member, index); });
  };
  std::vector<std::exception_ptr> failures(members_.size());
  std::vector<std::future<void>> others;
  for (std::size_t i = 1; i < members_.size(); ++i)
    others.push_back(members_[i]->worker->run([&, i] { run(*members_[i], i); }));
  try {
    run(*members_.front(), 0);
  } catch (const std::exception&) {
    failures[0] = std::current_exception();
  }
  for (std::size_t i = 1; i < members_.size(); ++i) try {
      others[i - 1].get();
    } catch (const std::exception&) {
      failures[i] = std::current_exception();
    }
  const bool all = std::none_of(failures.begin(), failures.end(),
                                [](const std::exception_ptr& failure) { return failure; });
  if (!all) drop(failures, step);
  return all;
}

void ReplicaGroup::drop(const std::vector<std::exception_ptr>& failures, std::int64_t step) {
  const auto left = std::count(failures.begin(), failures.end(), nullptr);
  // Only the leader of unlike devices has the states of the optimizer.
  if (failures.front() && (left == 0 || is_unlike_)) std::rethrow_exception(failures.front());
  std::vector<std::unique_ptr<Member>> members;
  std::vector<double> speeds;
  std::string lost;
  for (std::size_t i = 0; i < failures.size(); ++i) {
    if (!failures[i]) {
      members.push_back(std::move(members_[i]));
      speeds.push_back(speeds_[i]);
      continue;
    }
    const std::string& id = members_[i]->device->info().id;
    try {
      std::rethrow_exception(failures[i]);
    } catch (const std::exception& error) {
      lost += fmt::format("{}{} has failed and left the group: {}", lost.empty() ? "" : "; ", id,
                          error.what());
    }
    failed_.push_back(std::move(members_[i]));
  }
  members_ = std::move(members);
  speeds_ = std::move(speeds);
  if (failures.front()) {
    Member& first = *members_.front();
    std::unique_ptr<Params> old = network_.exchange_params(std::move(first.own));
    failed_.front()->own = std::move(old);
    first.worker.reset();
    seen_version_ = network_.params().version();
  }
  report(step, lost);
}

void ReplicaGroup::compute(const TrainingStep& step, const std::vector<Part>& parts) {
  const auto count = static_cast<std::int64_t>(parts.size());
  std::vector<PartRange> ranges;
  const Work work = [&](Member& member, std::size_t index) {
    const PartRange range = ranges[index];
    const double start = steady_seconds();
    const std::vector<PartRange> all = subtrees(range, count);
    member.sums.resize(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const int slots = std::max(1, tree_height(all[i].count));
      member.replica->run_parts(step, parts, all[i], slots);
      member.sums[i].subtree = all[i];
      member.sums[i].values.resize(sum_.size());
      member.slots.at(static_cast<std::size_t>(slots - 1)).download(member.sums[i].values);
    }
    const double seconds = steady_seconds() - start;
    if (range.count > 0) member.seconds.push_back(seconds / static_cast<double>(range.count));
  };
  while (members_.size() > 1) {
    ranges.clear();
    std::int64_t first = 0;
    for (const std::int64_t share : shares(count)) {
      ranges.push_back({first, share});
      first += share;
    }
    if (!on_all("gradients", work, step.step)) continue;
    for (std::size_t i = 0; i < ranges.size(); ++i)
      for (std::int64_t k = ranges[i].first; k < ranges[i].first + ranges[i].count; ++k)
        members_[i]->samples += parts.at(static_cast<std::size_t>(k)).samples;
    return timed("sum", nullptr, [&] { reduce(count); });
  }
  members_.front()->samples += step.batch.size;
  leader().run_parts(step, parts, {0, count}, slot_count(options_.parts));
}

void ReplicaGroup::reduce(std::int64_t parts) {
  std::vector<const SubtreeSum*> sums;
  for (const auto& member : members_)
    for (const SubtreeSum& sum : member->sums) sums.push_back(&sum);
  tree_sum(sums, parts, sum_);
}

void ReplicaGroup::update(const TrainingStep& step, float lr) {
  if (members_.size() == 1) return leader().run_update(lr);
  const Work work = [&](Member& member, std::size_t index) {
    if (is_unlike_ && index > 0) return;
    member.slots.back().upload(sum_);
    member.replica->run_update(lr);
  };
  on_all("update", work, step.step);
  if (is_unlike_) send_weights(step.step);
}

void ReplicaGroup::send_weights(std::int64_t step) {
  weights_.resize(members_.front()->weights->elements());
  members_.front()->weights->download(weights_);
  on_all(
      "weights",
      [&](Member& member, std::size_t index) {
        if (index > 0) member.weights->upload(weights_);
      },
      step);
}

void ReplicaGroup::check_replicas(std::int64_t step) {
  if (members_.size() == 1 || group_.check_every == 0 || (step + 1) % group_.check_every != 0)
    return;
  std::vector<std::uint64_t> sums(members_.size());
  const Work work = [&](Member& member, std::size_t index) {
    sums[index] = checksum(member.replica->params(), /*of_states=*/!is_unlike_);
  };
  if (!on_all("check", work, step)) return;  // the next check covers the remaining devices
  for (std::size_t i = 1; i < sums.size(); ++i)
    if (sums[i] != sums.front())
      throw Error("train", fmt::format("device '{}' holds other weights after step {}, expected "
                                       "those of '{}'",
                                       members_[i]->device->info().id, step + 1,
                                       members_.front()->device->info().id));
}

std::vector<DeviceExecutables> ReplicaGroup::executables() {
  std::vector<DeviceExecutables> all;
  for (const auto& member : members_)
    all.push_back({member->device->info().id, member->replica->executables()});
  return all;
}

std::vector<DeviceSamples> ReplicaGroup::take_samples() {
  std::vector<DeviceSamples> all;
  for (const auto& member : members_)
    all.push_back({member->device->info().id, std::exchange(member->samples, 0)});
  return all;
}

std::vector<std::int64_t> ReplicaGroup::shares(std::int64_t parts) const {
  return shares_of(speeds_, parts);
}

void ReplicaGroup::measure_shares(std::int64_t step) {
  if (members_.size() == 1 || !group_.shares.empty() || !group_.replay.empty()) return;
  // The first step compiles.
  if (++measured_ == 1)
    for (const auto& member : members_) member->seconds.clear();
  std::vector<double> speeds = speeds_;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    std::deque<double>& seconds = members_[i]->seconds;
    if (seconds.size() > window) seconds.pop_front();
    if (!seconds.empty()) speeds[i] = 1 / median({seconds.begin(), seconds.end()});
  }
  if (measured_ <= static_cast<std::int64_t>(window)) return;
  const std::vector<std::int64_t> now = shares(options_.parts),
                                  best = shares_of(speeds, options_.parts);
  if (time_of(best, speeds) > worthwhile * time_of(now, speeds)) return;
  speeds_ = speeds;
  for (const auto& member : members_) member->seconds.clear();
  measured_ = 1;
  report(step + 1, fmt::format("the {} parts of a batch are shared {} from now on", options_.parts,
                               fmt::join(best, ":")));
}

void ReplicaGroup::replay(std::int64_t step) {
  for (const GroupShares& change : group_.replay)
    if (change.step <= step && change.parts.size() == members_.size())
      speeds_.assign(change.parts.begin(), change.parts.end());
}

void ReplicaGroup::report(std::int64_t step, const std::string& text) {
  is_reported_ = true;
  if (!group_.on_shares) return;
  GroupShares now{step, {}, shares(options_.parts)};
  for (const auto& member : members_) now.devices.push_back(member->device->info().id);
  group_.on_shares(now, text);
}

}  // namespace tessera
