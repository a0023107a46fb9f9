// usage: run_onnx DEVICE. Runs ONNX nets for the Python tests: reads lines
//
//   infer NET.onnx INPUTS.safetensors OUTPUTS.safetensors
//   train NET.onnx INPUTS.safetensors OUTPUTS.safetensors
//
// and answers each with a line, "ok" or what went wrong; "operators" with those there are. Inputs
// and outputs have the net's names. `train` makes no update: besides its input the net gets "label"
// i32 [N]; the outputs are "loss", "gradient/<parameter>" and, after the step, "state/<name>", all
// in ONNX's order of dimensions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/fuse.h"
#include "tessera/onnx.h"
#include "tessera/safetensors.h"

namespace tessera {
namespace {

struct Task {
  std::string net, inputs, outputs;
};

/// Runs the graph and keeps its outputs.
TensorFile run(Device& device, Graph graph, Params& params, const TensorFile& inputs) {
  params.add(graph, 0);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (const Value& value : graph.values())
    if (value.role == Role::input)
      executable->set_input(value.name, inputs.tensors.at(value.name).bytes);
  executable->run();
  TensorFile results;
  for (const Graph::Output& output : graph.outputs()) {
    TensorFile::Tensor& tensor = results.tensors[output.name];
    tensor.spec = graph.value(output.value).spec;
    tensor.bytes.resize(tensor.spec.bytes());
    executable->read_output(output.name, tensor.bytes);
  }
  return results;
}

std::vector<Var> inputs_of(Graph& graph, const OnnxNet& net, const TensorFile& file) {
  std::vector<Var> inputs;
  for (const OnnxNet::Tensor& input : net.inputs())
    inputs.push_back(graph.input(input.name, file.tensors.at(input.name).spec));
  return inputs;
}

void infer(Device& device, const Task& task) {
  const OnnxNet net(task.net);
  const TensorFile inputs = read_safetensors(task.inputs);
  Graph graph;
  const std::vector<Var> results = net.append(graph, inputs_of(graph, net, inputs));
  for (std::size_t i = 0; i < results.size(); ++i)  // perhaps no node's: then a copy
    graph.set_output(net.outputs()[i].name, graph.value(results[i].id()).producer == no_node
                                                ? permute(reshape(results[i], {1, -1}), {1, 0})
                                                : results[i]);
  fold_norms(graph);
  fuse(graph);
  join_chains(graph);
  Params params(device);
  TensorFile outputs = run(device, graph, params, inputs);
  for (std::size_t i = 0; i < results.size(); ++i)
    outputs.tensors.at(net.outputs()[i].name).spec.shape = results[i].shape();
  write_safetensors(task.outputs, outputs);
}

/// Filters [K,R,S,C] as ONNX has them, [K,C,R,S].
Var in_order(Var x) { return x.spec().rank() == 4 ? permute(x, {0, 3, 1, 2}) : x; }

void train(Device& device, const Task& task) {
  const OnnxNet net(task.net);
  const TensorFile inputs = read_safetensors(task.inputs);
  Graph graph(Mode::training);
  const Var label = graph.input("label", inputs.tensors.at("label").spec);
  const Var logits = net.append(graph, inputs_of(graph, net, inputs))[0];
  const Var loss = softmax_cross_entropy(logits, label).loss;
  fuse(graph);
  std::vector<Var> parameters;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      parameters.emplace_back(graph, static_cast<ValueId>(i));
  const std::vector<Var> dw = gradients(loss, parameters);
  graph.set_output("loss", loss);
  for (std::size_t i = 0; i < dw.size(); ++i)
    graph.set_output("gradient/" + graph.value(parameters[i].id()).name, in_order(dw[i]));
  remove_dead_nodes(graph);
  Params params(device);
  TensorFile outputs = run(device, graph, params, inputs);
  for (const auto& [name, entry] : params.entries())
    if (entry.role == Role::state)
      outputs.tensors["state/" + name] = {entry.spec, params.read(name)};
  write_safetensors(task.outputs, outputs);
}

std::string answer(Device& device, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  Task task;
  words >> what >> task.net >> task.inputs >> task.outputs;
  try {
    if (what == "operators") return fmt::format("{}", fmt::join(onnx_operators(), " "));
    what == "train" ? train(device, task) : infer(device, task);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "ok";
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  const auto device = tessera::open_device(argc > 1 ? argv[1] : "");
  for (std::string line; std::getline(std::cin, line);)
    std::cout << tessera::answer(*device, line) << std::endl;
}
