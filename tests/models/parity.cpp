// usage: parity FILE. Runs the model of a file that parity.py wrote on every device and holds
// logits, loss, gradients and running statistics against what PyTorch found.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/fuse.h"
#include "tessera/models.h"
#include "tessera/safetensors.h"
#include "tessera/state_dict.h"

namespace tessera {
namespace {

/// Of the largest element of a tensor.
constexpr double tolerance = 1e-3;
/// Gradients this much smaller than the largest of all are 0 but for rounding: those of a bias
/// before a batch norm, which takes it off again.
constexpr double rounding = 1e-6;

std::vector<float> floats(const TensorFile::Tensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (float value : values) most = std::max(most, static_cast<double>(std::abs(value)));
  return most;
}

/// The largest difference; NaN counts as infinite.
double difference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double d = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    most = d <= most ? most : std::isnan(d) ? INFINITY : d;
  }
  return most;
}

/// The tensors "<group>/<name>" of a file, by name.
TensorFile take_group(TensorFile& file, const std::string& group) {
  TensorFile found;
  const std::string prefix = group + "/";
  for (auto it = file.tensors.lower_bound(prefix);
       it != file.tensors.end() && it->first.starts_with(prefix);) {
    found.tensors[it->first.substr(prefix.size())] = std::move(it->second);
    it = file.tensors.erase(it);
  }
  return found;
}

struct Expected {
  std::string model;
  TensorFile weights, gradients, states, initial, rest;
  double largest_gradient = 0;

  explicit Expected(TensorFile file) : model(file.metadata.at("model")) {
    weights = take_group(file, "weights");
    gradients = take_group(file, "gradients");
    states = take_group(file, "states");
    initial = take_group(file, "initial");
    rest = std::move(file);
    for (const auto& [name, tensor] : gradients.tensors)
      largest_gradient = std::max(largest_gradient, largest(floats(tensor)));
  }
  std::int64_t classes() const { return rest.tensors.at("logits").spec.dim(1); }
  const TensorSpec& images() const { return rest.tensors.at("images").spec; }
};

struct Comparison {
  int tensors = 0;
  int failures = 0;
  double worst = 0;
  std::string worst_name;

  /// `scale` at least: where the tensor is nothing but rounding.
  void add(const std::string& name, const std::vector<float>& found,
           const std::vector<float>& expected, double scale = 0) {
    const double error = difference(found, expected) / std::max(scale, largest(expected));
    ++tensors;
    if (error > worst) worst_name = name;
    worst = std::max(worst, error);
    if (error <= tolerance) return;
    ++failures;
    fmt::print("  {} is off by {:.2e} of its largest element\n", name, error);
  }
};

Graph inference_graph(const Expected& expected) {
  Graph graph;
  graph.set_output(
      "inference",
      append_model(expected.model, graph.input("images", expected.images()), expected.classes()));
  fuse(graph);
  return graph;
}

/// One step without an update: the outputs are "logits", "loss" and "d<parameter>".
Graph training_graph(const Expected& expected) {
  Graph graph(Mode::training);
  const Var images = graph.input("images", expected.images());
  const Var labels = graph.input("labels", {DType::i32, {expected.images().dim(0)}});
  const Var logits = append_model(expected.model, images, expected.classes(),
                                  {.dropout = 0.0, .stochastic_depth = 0.0});
  const Var loss = softmax_cross_entropy(logits, labels, "loss").loss;
  std::vector<Var> parameters;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      parameters.emplace_back(graph, static_cast<ValueId>(i));
  graph.set_output("logits", logits);
  graph.set_output("loss", loss);
  fuse(graph);
  const std::vector<Var> found = gradients(loss, parameters);
  for (std::size_t i = 0; i < found.size(); ++i)
    graph.set_output("d" + graph.value(parameters[i].id()).name, found[i]);
  remove_dead_nodes(graph);
  return graph;
}

std::vector<float> output(Executable& executable, const Graph& graph, const std::string& name) {
  std::vector<float> values(
      static_cast<std::size_t>(graph.value(graph.find(name)).spec.elements()));
  executable.read_output(name, std::as_writable_bytes(std::span(values)));
  return values;
}

std::unique_ptr<Executable> run(Device& device, const Plan& plan, Params& params,
                                std::initializer_list<const char*> inputs,
                                const Expected& expected) {
  auto executable = device.compile(plan, params);
  for (const char* name : inputs) executable->set_input(name, expected.rest.tensors.at(name).bytes);
  executable->run();
  return executable;
}

Comparison compare(Device& device, const Expected& expected) {
  const Graph layout_graph = inference_graph(expected);
  const auto layouts = torch_layouts(layout_graph);
  const PlanOptions options = device.plan_options();
  const Plan plan(training_graph(expected), options), inference(layout_graph, options);
  Params params(device);
  params.add(plan.graph(), 0);
  load_state_dict(expected.weights, layout_graph, params);

  Comparison result;
  const auto wanted = [&](const char* name) { return floats(expected.rest.tensors.at(name)); };
  result.add(
      "inference",
      output(*run(device, inference, params, {"images"}, expected), layout_graph, "inference"),
      wanted("inference"));
  const auto executable = run(device, plan, params, {"images", "labels"}, expected);
  for (const char* name : {"logits", "loss"})
    result.add(name, output(*executable, plan.graph(), name), wanted(name));
  for (const auto& [name, tensor] : expected.gradients.tensors)
    result.add("the gradient of " + name,
               to_torch(layouts.at(name), output(*executable, plan.graph(), "d" + name)),
               floats(tensor), expected.largest_gradient * rounding / tolerance);
  const TensorFile after = state_dict(layout_graph, params);
  for (const auto& [name, tensor] : expected.states.tensors)
    result.add(name, floats(after.tensors.at(name)), floats(tensor));
  return result;
}

/// Mean and deviation of what a parameter starts with.
std::array<double, 2> moments(const Initializer& initializer) {
  switch (initializer.kind) {
    case Initializer::Kind::uniform:
      return {initializer.center, initializer.value / std::sqrt(3.0)};
    case Initializer::Kind::normal:
      return {initializer.center, initializer.value};
    case Initializer::Kind::constant:
    case Initializer::Kind::given:
      break;
  }
  return {initializer.value, 0};
}

/// Parameters that PyTorch starts with another distribution: another mean or deviation than drawing
/// explains, or a largest number that uniform ones do not reach or normal ones surpass.
int wrong_beginnings(const Expected& expected) {
  const Graph graph = inference_graph(expected);
  int failures = 0;
  for (const auto& [name, tensor] : expected.initial.tensors) {
    const Value& value = graph.value(graph.find(name));
    const std::vector<float> theirs = floats(tensor);
    const double their_mean = theirs[0], their_deviation = theirs[1], their_largest = theirs[2];
    const auto [mean, deviation] = moments(value.initializer);
    const auto count = static_cast<double>(value.spec.elements());
    const double error = 5 * std::min(deviation, their_deviation) / std::sqrt(count) + 1e-7;
    const bool uniform = value.initializer.kind == Initializer::Kind::uniform;
    const bool tails = count < 1000 || deviation == 0 || uniform == (their_largest < 2 * deviation);
    if (std::abs(mean - their_mean) <= error && std::abs(deviation - their_deviation) <= error &&
        tails)
      continue;
    ++failures;
    fmt::print("  {} starts with {:.4g} +- {:.4g} ({}), expected {:.4g} +- {:.4g} up to {:.4g}\n",
               name, mean, deviation, uniform ? "uniform" : "normal or constant", their_mean,
               their_deviation, their_largest);
  }
  return failures;
}

int run(const std::string& path) {
  const Expected expected(read_safetensors(path));
  const char* only = std::getenv("TESSERA_DEVICE");
  int failures = wrong_beginnings(expected);
  for (const DeviceInfo& info : list_devices()) {
    if (!info.usable || (only && info.id != only)) continue;
    const auto start = std::chrono::steady_clock::now();
    const Comparison found = compare(*open_device(info.id), expected);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print("{} on {}: {} of {} tensors agree, the worst, {}, within {:.1e} ({:.1f} s)\n",
               expected.model, info.id, found.tensors - found.failures, found.tensors,
               found.worst_name, found.worst, seconds.count());
    failures += found.failures;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw tessera::Error("parity", "expected one argument, a file");
    return tessera::run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print("{}\n", error.what());
    return 1;
  }
}
