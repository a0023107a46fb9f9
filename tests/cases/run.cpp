// Runs a case; see run.h.
#include "tests/cases/run.h"

#include <algorithm>

#include "tessera/autograd.h"
#include "tessera/op.h"

namespace tessera::cases {
namespace {

Var add_input(Graph& graph, const Input& input) {
  switch (input.role) {
    case Role::parameter:
      return graph.parameter(input.name, input.spec.shape, {});
    case Role::state:
      return graph.state(input.name, input.spec);
    default:
      return graph.input(input.name, input.spec);
  }
}

/// What the device needs, and the rest of the options as they are.
PlanOptions for_device(PlanOptions options, const Device& device) {
  const PlanOptions own = device.plan_options();
  options.alignment = own.alignment;
  options.largest_arena = std::min(options.largest_arena, own.largest_arena);
  return options;
}

}  // namespace

bool has_gradient(const Input& input) {
  return input.spec.dtype == DType::f32 && input.role != Role::state;
}

bool is_differentiable(const Case& c) {
  return c.smooth && (c.build || passes_gradients(find_op(c.op)));
}

CaseRun::CaseRun(const Case& c, Device& device, bool backward, const PlanOptions& options)
    : case_(c),
      device_(device),
      params_(device),
      plan_(build(backward), for_device(options, device)),
      executable_(device.compile(plan_, params_)) {}

Graph CaseRun::build(bool backward) {
  Graph graph;
  std::vector<Var> inputs, floats;
  for (const Input& input : case_.inputs) {
    inputs.push_back(add_input(graph, input));
    inputs_.push_back(input.name);
    if (has_gradient(input)) floats.push_back(inputs.back());
  }
  const std::vector<Var> outputs = append(case_, graph, inputs);
  updated_.resize(outputs.size());
  for (const Alias& alias : updates(case_))
    updated_[static_cast<std::size_t>(alias.output)] =
        case_.inputs[static_cast<std::size_t>(alias.input)].name;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (updated_[i].empty()) graph.set_output("output " + std::to_string(i), outputs[i]);
  if (backward) {
    const Var dy = graph.input("dy", outputs[0].spec());
    inputs_.push_back("dy");
    const std::vector<Var> found = gradients(outputs[0], dy, floats);
    for (std::size_t i = 0; i < found.size(); ++i)
      graph.set_output("d" + graph.value(floats[i].id()).name, found[i]);
  }
  params_.add(graph, 1);
  return graph;
}

void CaseRun::poison() {
  for (Buffer* arena : executable_->arenas())
    device_.upload(*arena, 0, std::vector<std::byte>(arena->bytes(), std::byte{0xFF}));
}

void CaseRun::set(const Tensors& inputs) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (params_.has(inputs_[i]))
      params_.write(inputs_[i], to_bytes(inputs[i]));
    else
      executable_->set_input(inputs_[i], to_bytes(inputs[i]));
  }
}

Tensors CaseRun::results() {
  Tensors results;
  const auto read_output = [&](const std::string& name) {
    const TensorSpec& spec = plan_.graph().value(plan_.graph().find(name)).spec;
    std::vector<std::byte> bytes(spec.bytes());
    executable_->read_output(name, bytes);
    results.push_back(from_bytes(spec, bytes));
  };
  for (std::size_t i = 0; i < updated_.size(); ++i) {
    if (updated_[i].empty())
      read_output("output " + std::to_string(i));
    else
      results.push_back(from_bytes(params_.entry(updated_[i]).spec, params_.read(updated_[i])));
  }
  for (const auto& output : plan_.graph().outputs())
    if (output.name[0] == 'd') read_output(output.name);
  return results;
}

}  // namespace tessera::cases
