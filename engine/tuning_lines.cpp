// Jobs and reports of the tuner as lines of JSON.
#include "engine/json_text.h"
#include "engine/tuning_parts.h"
#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/tuner.h"

namespace tessera {
namespace {

using nlohmann::ordered_json;

template <std::size_t type = 0>
Attribute attribute_of(std::size_t index, const ordered_json& value) {
  if constexpr (type == std::variant_size_v<Attribute>)
    throw Error("tuner", "an attribute has an unknown type");
  else
    return index == type ? Attribute(value.get<std::variant_alternative_t<type, Attribute>>())
                         : attribute_of<type + 1>(index, value);
}

ordered_json to_json(const Graph& graph) {
  const Node& node = graph.nodes().front();
  ordered_json inputs = ordered_json::array();
  for (ValueId input : node.inputs) inputs.push_back(graph.value(input).spec.shape);
  return {{"op", node.op->name}, {"inputs", inputs}, {"attributes", to_json(node.attributes)}};
}

Graph graph_of(const ordered_json& j) {
  std::vector<TensorSpec> inputs;
  for (const auto& shape : j.at("inputs")) inputs.push_back({DType::f32, shape.get<Shape>()});
  return graph_of_one(j.at("op").get<std::string>(), inputs, attributes_of(j.at("attributes")));
}

template <class Parse>
auto parsed(std::string_view line, const Parse& parse) {
  try {
    return parse(ordered_json::parse(line));
  } catch (const ordered_json::exception& error) {
    throw Error("tuner", std::string("found a line that cannot be read: ") + error.what());
  }
}

}  // namespace

// The type of an attribute stands beside its value: an empty list would not tell.
ordered_json to_json(const Attributes& attributes) {
  ordered_json all = ordered_json::object();
  for (const auto& [name, attribute] : attributes.all()) {
    const auto value = std::visit([](const auto& v) { return ordered_json(v); }, attribute);
    all[name] = ordered_json::array({attribute.index(), value});
  }
  return all;
}

Attributes attributes_of(const ordered_json& j) {
  std::map<std::string, Attribute, std::less<>> attributes;
  for (const auto& [name, value] : j.items())
    attributes[name] = attribute_of(value.at(0).get<std::size_t>(), value.at(1));
  return Attributes(std::move(attributes));
}

std::string to_line(const TuningJob& job) {
  ordered_json j = {{"node", to_json(job.graph)}, {"memory", job.memory}};
  if (job.baseline) j["baseline"] = to_json(*job.baseline);
  j["candidates"] = ordered_json::array();
  for (const Candidate& candidate : job.candidates) j["candidates"].push_back(to_json(candidate));
  return json_text(j);
}

TuningJob tuning_job_of(std::string_view line) {
  return parsed(line, [](const ordered_json& j) {
    TuningJob job{graph_of(j.at("node")), {}, {}, j.at("memory").get<std::size_t>()};
    if (j.contains("baseline")) job.baseline = candidate_of(j["baseline"]);
    for (const auto& candidate : j.at("candidates"))
      job.candidates.push_back(candidate_of(candidate));
    return job;
  });
}

std::string to_line(const TuningReport& report) {
  return json_text(ordered_json{{"error", report.error},
                                {"seconds", report.seconds},
                                {"baseline_seconds", report.baseline_seconds}});
}

TuningReport tuning_report_of(std::string_view line) {
  return parsed(line, [](const ordered_json& j) {
    return TuningReport{j.at("error").get<std::string>(), j.at("seconds").get<double>(),
                        j.at("baseline_seconds").get<double>()};
  });
}

}  // namespace tessera
