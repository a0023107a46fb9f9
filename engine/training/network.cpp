#include "tessera/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/classifier.h"
#include "tessera/error.h"
#include "tessera/fuse.h"

namespace tessera {

std::string average_of(const Params& params, const std::string& parameter) {
  const std::string average = parameter + ".ema";
  const auto has_average = [&](const auto& entry) {
    return entry.second.role == Role::parameter && params.has(entry.first + ".ema");
  };
  const auto& all = params.entries();
  const bool is_own = !params.has(average) && std::any_of(all.begin(), all.end(), has_average);
  return is_own ? parameter : average;
}

namespace {

void read_averages(Graph& graph, const Params& params) {
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.values()[i];
    if (value.role != Role::parameter) continue;
    const std::string average = average_of(params, value.name);
    if (average != value.name) graph.rename(static_cast<ValueId>(i), average);
  }
}

}  // namespace

std::vector<float> HostTensor::floats() const {
  if (spec.dtype != DType::f32) throw Error("tensor", "is " + to_string(spec) + ", expected f32");
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Network::Network(Device& device, Task task, std::optional<std::uint64_t> seed)
    : task_(std::move(task)), params_(std::make_unique<Params>(device)) {
  Graph graph;
  description_ = describe(task_, append_task(graph, task_, 1));
  params_->add(graph, seed);
}

std::unique_ptr<Params> Network::exchange_params(std::unique_ptr<Params> params) {
  evaluations_.clear();
  predictions_.clear();
  return std::exchange(params_, std::move(params));
}

Task Network::training_task(const Augmentation& augment, const LossOptions& loss) const {
  if (augment != Augmentation())
    throw Error("augment", "is for image classifiers only, found the task '" + task_.name +
                               "', which can draw its own random numbers (Task::draw)");
  if (loss != LossOptions())
    throw Error("loss", "options are for image classifiers only, found the task '" + task_.name +
                            "', which builds its own loss");
  return task_;
}

namespace {

void optimize(Graph& graph) {
  fold_norms(graph);
  fuse(graph);
  join_chains(graph);
}

void set_input(Executable& executable, const Batch& batch, const SampleSpec& input) {
  const Batch::Tensor* const tensor = batch.find(input.name);
  if (!tensor || tensor->sample != input)
    throw Error("batch", fmt::format("has {}, expected an input {}",
                                     tensor ? to_string({tensor->sample}) : "nothing of that name",
                                     to_string({input})));
  executable.set_input(input.name, tensor->bytes);
}

HostTensor read(Executable& executable, const Graph::Output& output) {
  HostTensor tensor{executable.graph().value(output.value).spec, {}};
  tensor.bytes.resize(tensor.spec.bytes());
  executable.read_output(output.name, tensor.bytes);
  return tensor;
}

}  // namespace

Graph Network::evaluation_graph(std::int64_t batch, Weights weights) const {
  Graph graph;
  const TaskGraph result = append_task(graph, task_, batch);
  if (weights == Weights::averaged) read_averages(graph, *params_);
  graph.set_output("loss", result.loss);
  for (const auto* values : {&result.outputs, &result.metrics})
    for (const NamedVar& value : *values) graph.set_output(value.name, value.value);
  optimize(graph);
  return graph;
}

Executable& Network::evaluation(std::int64_t batch, Weights weights) {
  auto& executable = evaluations_[{batch, weights}];
  if (!executable) {
    const Plan plan(evaluation_graph(batch, weights), device().plan_options());
    executable = device().compile(plan, *params_);
  }
  return *executable;
}

Executable& Network::prediction(std::int64_t batch, Weights weights) {
  auto& executable = predictions_[{batch, weights}];
  if (!executable) {
    Graph graph;
    const TaskGraph result = append_task(graph, task_, batch);
    if (weights == Weights::averaged) read_averages(graph, *params_);
    for (const NamedVar& output : result.outputs) graph.set_output(output.name, output.value);
    remove_dead_nodes(graph);
    optimize(graph);
    executable = device().compile(Plan(graph, device().plan_options()), *params_);
  }
  return *executable;
}

Evaluation Network::evaluate(const Dataset& dataset, std::int64_t batch_size, Weights weights,
                             const std::function<bool()>& stops) {
  check_inputs(task_, dataset.inputs());
  if (dataset.size() == 0) throw Error("data", "the data set has no samples");
  std::vector<std::string> numbers = description_.metrics;
  numbers.push_back("loss");
  std::map<std::string, double> sums;
  Evaluation result;
  Loader loader(dataset, {.batch = batch_size});
  while (const Batch* batch = stops && stops() ? nullptr : loader.next()) {
    Executable& executable = evaluation(batch->size, weights);
    for (const SampleSpec& input : task_.inputs) set_input(executable, *batch, input);
    executable.run();
    for (const std::string& name : numbers) {
      float value = 0;
      executable.read_output(name, std::as_writable_bytes(std::span(&value, 1)));
      sums[name] += static_cast<double>(value) * static_cast<double>(batch->size);
    }
    result.samples += batch->size;
  }
  if (result.samples == 0) return result;
  for (const auto& [name, sum] : sums) {
    const double mean = sum / static_cast<double>(result.samples);
    if (name == "loss")
      result.loss = mean;
    else
      result.metrics[name] = mean;
  }
  return result;
}

std::map<std::string, HostTensor> Network::predict(const Batch& batch, Weights weights) {
  if (batch.size < 1) throw Error("predict", "the batch has no samples");
  Executable& executable = prediction(batch.size, weights);
  std::set<std::string> read_inputs;
  const Graph& graph = executable.graph();
  for (const Node& node : graph.nodes())
    for (const ValueId input : node.inputs)
      if (graph.value(input).role == Role::input) read_inputs.insert(graph.value(input).name);
  for (const SampleSpec& input : task_.inputs)
    if (read_inputs.contains(input.name)) set_input(executable, batch, input);
  executable.run();
  std::map<std::string, HostTensor> outputs;
  for (const Graph::Output& output : graph.outputs())
    outputs[output.name] = read(executable, output);
  return outputs;
}

}  // namespace tessera
