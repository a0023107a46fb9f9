// Small cases as PyTorch computes them (see make_op_goldens.py), on each device.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tessera/safetensors.h"
#include "tests/cases/run.h"
#include "tests/devices.h"
#include "tests/goldens/functions.h"

namespace tessera {
namespace {

using cases::HostTensor;
using cases::Tensors;
using Json = nlohmann::json;

constexpr cases::Tolerance tolerance{5e-6, 1e-5};  // float against float, sums of up to 60 products

Attributes to_attributes(const Json& json) {
  std::map<std::string, Attribute, std::less<>> values;
  for (const auto& [name, value] : json.items()) {
    if (name == "weights")  // which may be empty
      values[name] = value.get<std::vector<double>>();
    else if (value.is_array())
      values[name] = value.get<std::vector<std::int64_t>>();
    else if (value.is_string())
      values[name] = value.get<std::string>();
    else if (value.is_number_integer())
      values[name] = value.get<std::int64_t>();
    else
      values[name] = value.get<double>();
  }
  return Attributes(std::move(values));
}

class Goldens {
 public:
  Goldens() : file_(read_safetensors(TESSERA_GOLDENS "/ops.safetensors")) {}

  /// Case name -> {"op", "inputs", "attributes"}.
  const std::map<std::string, std::string>& cases() const { return file_.metadata; }
  bool has(const std::string& case_name, const std::string& name) const {
    return file_.tensors.count(case_name + "/" + name) != 0;
  }
  HostTensor tensor(const std::string& case_name, const std::string& name) const {
    const auto& found = file_.tensors.at(case_name + "/" + name);
    return cases::from_bytes(found.spec, found.bytes);
  }

 private:
  TensorFile file_;
};

void check(const std::string& what, const HostTensor& found, const HostTensor& expected) {
  const auto difference = cases::difference(found, expected, tolerance);
  CHECK_MESSAGE(!difference, what << " " << difference.value_or(""));
}

void check_case(const Goldens& goldens, const std::string& name, const Json& json, Device& device) {
  cases::Case c;
  c.op = json.at("op");
  c.attributes = to_attributes(json.at("attributes"));
  Tensors inputs;
  for (const std::string input : json.at("inputs")) {
    inputs.push_back(goldens.tensor(name, input));
    c.inputs.emplace_back(input, inputs.back().spec);
    if (input.starts_with("running_")) c.inputs.back().role = Role::state;
  }
  if (is_function(c.op))
    c.build = [&](const std::vector<Var>& x) { return apply(c.op, x, c.attributes); };
  c.smooth = goldens.has(name, "dy");
  const bool backward = cases::is_differentiable(c);
  if (backward) inputs.push_back(goldens.tensor(name, "dy"));
  cases::CaseRun run(c, device, backward);
  run.set(inputs);
  run.run();
  const Tensors results = run.results();
  check("y", results[0], goldens.tensor(name, "y"));
  if (c.op == "softmax_cross_entropy")
    check("probabilities", results[1], goldens.tensor(name, "probabilities"));
  for (const Alias& update : cases::updates(c)) {
    const std::string state = c.inputs[static_cast<std::size_t>(update.input)].name + " after";
    check(state, results[static_cast<std::size_t>(update.output)], goldens.tensor(name, state));
  }
  std::size_t gradient = cases::output_specs(c).size();
  for (const cases::Input& input : c.inputs)
    if (backward && cases::has_gradient(input))
      check("d" + input.name, results.at(gradient++), goldens.tensor(name, "d" + input.name));
}

}  // namespace

TEST_CASE("ops give what PyTorch gives") {
  const Goldens goldens;
  CHECK(goldens.cases().size() >= 12);
  for (const auto& device : open_usable_devices())
    for (const auto& golden : goldens.cases()) {
      INFO("device: ", device->info().id, " (", device->info().name, ")");
      INFO("case: ", golden.first);
      CHECK_NOTHROW(check_case(goldens, golden.first, Json::parse(golden.second), *device));
    }
}

}  // namespace tessera
