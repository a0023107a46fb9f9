#include "tessera/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "tessera/error.h"

namespace tessera {
namespace {

Shape batched(std::int64_t samples, const Shape& sample) {
  Shape shape = {samples};
  shape.insert(shape.end(), sample.begin(), sample.end());
  return shape;
}

void check_number(const Task& task, std::string_view name, Var value) {
  if (value.spec().dtype != DType::f32 || value.spec().elements() != 1)
    throw Error("task", fmt::format("'{}' returns the {} as {}, expected one number f32[1]",
                                    task.name, name, to_string(value.spec())));
}

void check(const Task& task, const TaskGraph& graph, std::int64_t samples) {
  check_number(task, "loss", graph.loss);
  std::set<std::string> names = {"loss"};
  const auto check_name = [&](const std::string& name) {
    if (name.empty() || !names.insert(name).second)
      throw Error("task", fmt::format("'{}' has two results named '{}', expected different names",
                                      task.name, name));
  };
  for (const auto& [name, value] : graph.metrics) {
    check_name(name);
    check_number(task, "metric '" + name + "'", value);
  }
  for (const auto& [name, value] : graph.outputs) {
    check_name(name);
    if (value.spec().rank() < 1 || value.shape()[0] != samples)
      throw Error(
          "task",
          fmt::format(
              "'{}' returns the output '{}' as {}, expected {} samples in its first dimension",
              task.name, name, to_string(value.spec()), samples));
  }
}

std::vector<std::string> names_of(const std::vector<NamedVar>& values) {
  std::vector<std::string> names;
  for (const NamedVar& value : values) names.push_back(value.name);
  return names;
}

}  // namespace

Var TaskInputs::operator[](std::string_view name) const {
  for (const NamedVar& input : values_)
    if (input.name == name) return input.value;
  throw Error("task", fmt::format("there is no input '{}'; there are: {}", name,
                                  fmt::join(names_of(values_), ", ")));
}

TaskGraph append_task(Graph& graph, const Task& task, std::int64_t samples) {
  if (!task.build) throw Error("task", "'" + task.name + "' has no build function");
  if (task.inputs.empty()) throw Error("task", "'" + task.name + "' has no inputs");
  std::vector<NamedVar> inputs;
  for (const auto& [name, spec] : task.inputs)
    inputs.push_back({name, graph.input(name, {spec.dtype, batched(samples, spec.shape)})});
  TaskGraph result = task.build({samples, std::move(inputs)});
  check(task, result, samples);
  return result;
}

TaskDescription describe(const Task& task, const TaskGraph& built) {
  return {task.name, task.inputs, names_of(built.outputs), names_of(built.metrics)};
}

void check_inputs(const Task& task, const std::vector<SampleSpec>& found) {
  for (const SampleSpec& input : task.inputs) {
    const auto same = std::find_if(found.begin(), found.end(),
                                   [&](const SampleSpec& spec) { return spec.name == input.name; });
    if (same == found.end())
      throw Error("data",
                  fmt::format("lacks the input '{}' {} of the task '{}'; it has: {}", input.name,
                              to_string(input.spec), task.name, to_string(found)));
    if (same->spec != input.spec)
      throw Error("data", fmt::format("has '{}' as {}, expected {} as in the task '{}'", input.name,
                                      to_string(same->spec), to_string(input.spec), task.name));
  }
}

}  // namespace tessera
