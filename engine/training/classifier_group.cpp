#include "tessera/classifier_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/training/evaluation_sum.h"
#include "tessera/error.h"

namespace tessera {
namespace {

/// The number of batches per device that are read ahead.
constexpr std::size_t ahead = 2;

}  // namespace

struct ClassifierGroup::Member {
  Device* device;
  std::unique_ptr<ImageClassifier> own;  ///< unless it computes with the network itself
  std::map<std::string, std::vector<std::byte>> values;  ///< to be copied to `own`
  Graph graph;                                           ///< that has them
};

/// The batches in flight. Batches in `waiting` are also in `all`, whose front is taken next.
// Hidden, unlike the class around it, since no program calls it.
struct __attribute__((visibility("hidden"))) ClassifierGroup::Jobs {
  struct Job {
    ImageBatch batch;
    ImageAnswers answers;
    bool done = false;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<Job>> all;
  std::deque<Job*> waiting;
  std::size_t devices = 0;  ///< that have not failed
  bool ended = false;
  std::vector<std::string> failures;  ///< not reported
  std::exception_ptr error;           ///< of the last device
  std::vector<Member*> failed;

  void add(ImageBatch batch) {
    const std::lock_guard lock(mutex);
    all.push_back(std::make_unique<Job>(Job{std::move(batch), {}, false}));
    waiting.push_back(all.back().get());
    changed.notify_all();
  }
  /// Returns null at the end.
  Job* start() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended || !waiting.empty(); });
    if (ended) return nullptr;
    Job* job = waiting.front();
    waiting.pop_front();
    return job;
  }
  void finish(Job& job) {
    const std::lock_guard lock(mutex);
    job.done = true;
    changed.notify_all();
  }
  /// Waits for the oldest batch. Rethrows the error of the last device.
  std::unique_ptr<Job> take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return all.front()->done || error; });
    if (!all.front()->done) std::rethrow_exception(error);
    std::unique_ptr<Job> job = std::move(all.front());
    all.pop_front();
    return job;
  }
  std::vector<std::string> take_failures() {
    const std::lock_guard lock(mutex);
    return std::exchange(failures, {});
  }
  void end() {
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
  /// Handles the exception of a device, in its catch block. `job`: the job that it had started, or
  /// null.
  void fail(Member& member, Job* job, const std::exception& exception) {
    const std::lock_guard lock(mutex);
    if (job) waiting.push_front(job);
    if (--devices == 0) error = std::current_exception();
    failed.push_back(&member);
    if (devices > 0)
      failures.push_back(fmt::format("{} has failed and left the group: {}",
                                     member.device->info().id, exception.what()));
    changed.notify_all();
  }
};

ClassifierGroup::ClassifierGroup(ImageClassifier& network, const DeviceGroup& devices,
                                 std::function<void(const std::string& text)> on_failure)
    : network_(network), on_failure_(std::move(on_failure)) {
  for (const auto& device : devices.devices()) {
    members_.push_back(std::make_unique<Member>());
    members_.back()->device = device.get();
  }
  const Device& own = network.device();
  if (std::none_of(members_.begin(), members_.end(),
                   [&](const auto& member) { return member->device == &own; }))
    throw Error("evaluate",
                fmt::format("the network is on {}, expected a device of the group", own.info().id));
}

ClassifierGroup::~ClassifierGroup() = default;

/// Reads the weights on this thread, since only one thread may use the device of the network.
void ClassifierGroup::copy_weights(Weights weights) {
  const Graph graph = network_.evaluation_graph(1, weights);
  std::map<std::string, std::vector<std::byte>> values;
  for (const Value& value : graph.values())
    if (value.role == Role::parameter || value.role == Role::state)
      values[value.name] = network_.params().read(value.name);
  for (const auto& member : members_) {
    if (member->device == &network_.device()) continue;
    member->graph = graph;
    member->values = values;
  }
}

void ClassifierGroup::serve(Member& member, Jobs& jobs, Weights weights) {
  Jobs::Job* job = nullptr;
  try {
    ImageClassifier* classifier = &network_;
    if (member.device != &network_.device()) {
      if (!member.own)
        member.own =
            std::make_unique<ImageClassifier>(*member.device, network_.model(), std::nullopt);
      classifier = member.own.get();
      classifier->params().add(member.graph, std::nullopt);
      for (const auto& [name, bytes] : member.values) classifier->params().write(name, bytes);
    }
    while ((job = jobs.start())) {
      job->answers = classifier->answer(job->batch.images, job->batch.labels, weights);
      jobs.finish(*job);
      job = nullptr;
    }
  } catch (const std::exception& exception) {
    jobs.fail(member, job, exception);
  }
}

void ClassifierGroup::answer(
    const std::function<std::optional<ImageBatch>()>& next,
    const std::function<void(const ImageBatch& batch, const ImageAnswers& answers)>& take,
    Weights weights) {
  if (members_.size() == 1 && members_.front()->device == &network_.device()) {
    while (const std::optional<ImageBatch> batch = next())
      take(*batch, network_.answer(batch->images, batch->labels, weights));
    return;
  }
  copy_weights(weights);
  Jobs jobs;
  jobs.devices = members_.size();
  std::vector<std::thread> threads;
  const auto end = [&] {
    jobs.end();
    for (std::thread& thread : threads) thread.join();
    if (jobs.error) return;  // all have failed, and may be tried again
    std::erase_if(members_, [&](const auto& member) {
      return std::find(jobs.failed.begin(), jobs.failed.end(), member.get()) != jobs.failed.end();
    });
  };
  const auto report = [&] {
    for (const std::string& failure : jobs.take_failures())
      if (on_failure_) on_failure_(failure);
  };
  try {
    for (const auto& member : members_)
      threads.emplace_back([&, one = member.get()] { serve(*one, jobs, weights); });
    const std::size_t most = ahead * members_.size();
    for (bool has_more = true; has_more || !jobs.all.empty();) {
      while (has_more && jobs.all.size() < most)
        if (std::optional<ImageBatch> batch = next())
          jobs.add(std::move(*batch));
        else
          has_more = false;
      if (jobs.all.empty()) break;
      const auto job = jobs.take();
      take(job->batch, job->answers);
      report();
    }
  } catch (...) {
    end();
    throw;
  }
  end();
  report();
}

ClassifierEvaluation ClassifierGroup::evaluate(
    const ImageDataset& dataset, std::int64_t batch, Weights weights,
    const std::function<bool()>& stops,
    const std::function<void(std::int32_t, std::span<const float>)>& on_image) {
  network_.check_fits(dataset);
  if (dataset.size() == 0) throw Error("data", "the data set has no images");
  Loader loader(dataset, {.batch = batch});
  EvaluationSum sum(network_.model().classes.size(), on_image);
  std::int64_t read = 0;
  const auto next = [&]() -> std::optional<ImageBatch> {
    const Batch* found = stops && stops() ? nullptr : loader.next();
    if (!found) return {};
    const auto images = found->values<std::uint8_t>("image");
    const auto labels = found->values<std::int32_t>("label");
    sum.check(labels, read);
    read += found->size;
    return ImageBatch{{images.begin(), images.end()}, {labels.begin(), labels.end()}};
  };
  answer(
      next,
      [&](const ImageBatch& one, const ImageAnswers& answers) { sum.add(one.labels, answers); },
      weights);
  return sum.mean();
}

}  // namespace tessera
