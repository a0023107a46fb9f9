#include "tessera/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <istream>
#include <map>
#include <ostream>

#include "engine/base/philox.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/error.h"
#include "tessera/flops.h"
#include "tessera/op.h"
#include "tessera/params.h"

namespace tessera {
namespace {

Graph graph_of_one(const Graph& from, const Node& node) {
  std::vector<TensorSpec> inputs;
  for (ValueId input : node.inputs) inputs.push_back(from.value(input).spec);
  return tessera::graph_of_one(node.op->name, inputs, node.attributes);
}

/// Excludes updates in place, whose choice is not worth a graph with parameters; integer inputs,
/// since only the op knows their valid values; and custom ops, which the measuring process does not
/// know.
bool can_tune(const Graph& graph, const Node& node) {
  const auto is_float = [&](ValueId id) { return graph.value(id).spec.dtype == DType::f32; };
  return !node.op->is_view && !node.op->custom && node.op->updates.empty() &&
         std::all_of(node.inputs.begin(), node.inputs.end(), is_float) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), is_float);
}

/// Returns random floats in [-1,1).
std::vector<std::byte> random_bytes(const Value& value) {
  Philox generator(1, value.name);
  std::vector<float> numbers(static_cast<std::size_t>(value.spec.elements()));
  for (float& number : numbers) number = 2 * generator.uniform() - 1;
  const auto bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

/// Returns the first error of a result, or nothing. NaN is an error.
std::string difference(const std::vector<float>& found, const std::vector<float>& expected) {
  constexpr float tolerance = 1e-4f;
  float largest = 0;
  for (float value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::abs(found[i] - expected[i]) <= tolerance * largest))
      return fmt::format("element {} is {}, expected {}", i, found[i], expected[i]);
  return {};
}

constexpr std::size_t larger_than_caches = 96 << 20;  // bytes
constexpr std::size_t most_copies = 32;               // the most that are worth their setup

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

}  // namespace

Graph graph_of_one(std::string_view op, const std::vector<TensorSpec>& specs,
                   const Attributes& attributes) {
  Graph graph;
  const Op& kind = find_op(op);
  // The number of outputs decides which inputs are overwritten, so it is found first.
  std::vector<bool> updated(specs.size(), false);
  if (!kind.updates.empty()) {
    Graph trial;
    std::vector<Var> inputs;
    for (const TensorSpec& spec : specs)
      inputs.push_back(trial.input(fmt::format("{}", inputs.size()), spec));
    const std::size_t outputs = trial.add(op, inputs, attributes).size();
    for (const Alias& alias : updates_of(kind, outputs))
      updated[static_cast<std::size_t>(alias.input)] = true;
  }
  std::vector<Var> inputs;
  for (std::size_t i = 0; i < specs.size(); ++i)
    inputs.push_back(updated[i] ? graph.state(fmt::format("{}", i), specs[i])
                                : graph.input(fmt::format("{}", i), specs[i]));
  const std::vector<Var> outputs = graph.add(op, inputs, attributes);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    graph.set_output(fmt::format("y{}", i), outputs[i]);
  return graph;
}

std::vector<TuningTask> tuning_tasks(Device& device, const std::vector<Graph>& graphs) {
  std::vector<TuningTask> tasks;
  std::map<std::string, std::size_t> known;
  for (const Graph& graph : graphs) {
    const std::size_t memory = Plan(graph).arena_bytes();
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (!can_tune(graph, node)) continue;
      const std::string key = tuning_key(graph, node);
      const auto [found, is_new] = known.emplace(key, tasks.size());
      if (is_new)
        tasks.push_back(
            {key, graph_of_one(graph, node), device.candidates(graph, static_cast<NodeId>(i))});
      TuningTask& task = tasks[found->second];
      ++task.nodes;
      task.memory = std::max(task.memory, memory);
    }
  }
  std::erase_if(tasks, [](const TuningTask& task) { return task.candidates.size() < 2; });
  const auto work = [](const TuningTask& task) {
    return flops(task.graph) * static_cast<double>(task.nodes);
  };
  std::stable_sort(tasks.begin(), tasks.end(),
                   [&](const TuningTask& a, const TuningTask& b) { return work(a) > work(b); });
  return tasks;
}

/// A graph compiled for a device. Not exported, unlike the class around it.
class __attribute__((visibility("hidden"))) CandidateTimer::Run {
 public:
  Run(Device& device, const Graph& graph, const std::vector<std::vector<std::byte>>& inputs)
      : device_(device),
        graph_(graph),
        inputs_(inputs),
        plan_(graph, device.plan_options()),
        params_(device) {
    add_copy();
  }

  /// Creates enough copies to exceed the caches; no copy runs twice in a row.
  void fill(std::size_t memory) {
    const std::size_t copies =
        std::min(memory, larger_than_caches) / std::max<std::size_t>(plan_.arena_bytes(), 1);
    while (copies_.size() < std::min(copies, most_copies)) add_copy();
  }

  std::vector<std::vector<float>> results() {
    std::vector<std::vector<float>> all;
    for (const auto& output : graph_.outputs()) {
      const TensorSpec& spec = graph_.value(output.value).spec;
      std::vector<float>& result = all.emplace_back(static_cast<std::size_t>(spec.elements()));
      copies_.front()->read_output(output.name, std::as_writable_bytes(std::span(result)));
    }
    return all;
  }

  double seconds(std::int64_t runs) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < runs; ++i) copies_[next_++ % copies_.size()]->run();
    device_.finish();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    return taken.count() / static_cast<double>(runs);
  }

  /// Returns the number of runs for which the wait for the device is negligible.
  std::int64_t runs() {
    constexpr double sample = 0.01;
    return std::max<std::int64_t>(1, std::llround(sample / std::max(seconds(1), 1e-7)));
  }

 private:
  void add_copy() {
    Executable& copy = *copies_.emplace_back(device_.compile(plan_, params_));
    for (Buffer* arena : copy.arenas())
      device_.upload(*arena, 0, std::vector<std::byte>(arena->bytes(), std::byte{0xFF}));
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      copy.set_input(fmt::format("{}", i), inputs_[i]);
    copy.run();
  }

  Device& device_;
  const Graph& graph_;
  const std::vector<std::vector<std::byte>>& inputs_;
  const Plan plan_;
  Params params_;
  std::vector<std::unique_ptr<Executable>> copies_;
  std::size_t next_ = 0;
};

CandidateTimer::CandidateTimer(Device& device, Device& reference, const TuningJob& job)
    : device_(device), graph_(job.graph), memory_(job.memory) {
  for (const Value& value : graph_.values())
    if (value.role == Role::input) inputs_.push_back(random_bytes(value));
  expected_ = Run(reference, graph_, inputs_).results();
  if (job.baseline) baseline_ = checked(*job.baseline);
}

CandidateTimer::~CandidateTimer() = default;

std::unique_ptr<CandidateTimer::Run> CandidateTimer::checked(const Candidate& candidate) {
  device_.set_tuning({{tuning_key(graph_, graph_.nodes().front()), {candidate}}});
  auto run = std::make_unique<Run>(device_, graph_, inputs_);
  const auto results = run->results();
  for (std::size_t i = 0; i < results.size(); ++i)
    if (const std::string wrong = difference(results[i], expected_[i]); !wrong.empty())
      throw Error("the result is wrong: " + wrong);
  run->fill(memory_);
  return run;
}

TuningReport CandidateTimer::measure(const Candidate& candidate) {
  constexpr int samples = 7;
  constexpr double hopeless = 1.5;
  TuningReport report;
  try {
    const std::unique_ptr<Run> run = checked(candidate);
    std::vector<double> times, baseline_times;
    if (!baseline_) {
      const std::int64_t runs = run->runs();
      for (int i = 0; i < samples; ++i) times.push_back(run->seconds(runs));
      report.seconds = median(times);
      return report;
    }
    const std::int64_t runs = run->runs(), baseline_runs = baseline_->runs();
    for (int i = 0; i < samples; ++i) {
      baseline_times.push_back(baseline_->seconds(baseline_runs));
      times.push_back(run->seconds(runs));
      if (i == 0 && times[0] > hopeless * baseline_times[0]) break;
    }
    report.seconds = median(times);
    report.baseline_seconds = median(baseline_times);
  } catch (const std::exception& error) {
    report.error = error.what();
  }
  return report;
}

void serve_tuning_jobs(Device& device, Device& reference, std::istream& jobs,
                       std::ostream& reports) {
  for (std::string line; std::getline(jobs, line);) {
    const TuningJob job = tuning_job_of(line);
    CandidateTimer timer(device, reference, job);
    for (const Candidate& candidate : job.candidates)
      reports << to_line(timer.measure(candidate)) << std::endl;
  }
}

}  // namespace tessera
