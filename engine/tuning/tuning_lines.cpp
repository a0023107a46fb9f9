// Jobs and reports of the tuner as lines of JSON.
#include "engine/files/bounded_json.h"
#include "engine/files/json_text.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/tuner.h"

namespace tessera {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

template <std::size_t type = 0>
Attribute attribute_of(std::size_t index, const json& value) {
  if constexpr (type == std::variant_size_v<Attribute>)
    throw Error("tuner", "an attribute has an unknown type");
  else
    return index == type
               ? Attribute(json_value<std::variant_alternative_t<type, Attribute>>(value, "value"))
               : attribute_of<type + 1>(index, value);
}

ordered_json to_json(const Graph& graph) {
  const Node& node = graph.nodes().front();
  ordered_json inputs = ordered_json::array();
  for (ValueId input : node.inputs) inputs.push_back(graph.value(input).spec.shape);
  return {{"op", node.op->name}, {"inputs", inputs}, {"attributes", to_json(node.attributes)}};
}

Graph graph_of(const json& j) {
  std::vector<TensorSpec> inputs;
  for (const auto& shape : member_of(j, "inputs"))
    inputs.push_back({DType::f32, json_value<Shape>(shape, "shape")});
  return graph_of_one(json_member<std::string>(j, "op"), inputs,
                      attributes_of(json_object(j, "attributes")));
}

template <class Parse>
auto parsed(std::string_view line, const Parse& parse) {
  try {
    return parse(parse_json<json>(line));
  } catch (const Error& error) {
    throw Error("tuner", std::string("malformed line: ") + error.what());
  }
}

}  // namespace

// An attribute has its type beside its value, since an empty list has no visible type.
ordered_json to_json(const Attributes& attributes) {
  ordered_json all = ordered_json::object();
  for (const auto& [name, attribute] : attributes.all()) {
    const auto value = std::visit([](const auto& v) { return ordered_json(v); }, attribute);
    all[name] = ordered_json::array({attribute.index(), value});
  }
  return all;
}

Attributes attributes_of(const json& j) {
  std::map<std::string, Attribute, std::less<>> attributes;
  for (const auto& [name, value] : j.items()) {
    if (!value.is_array() || value.size() != 2)
      throw Error(
          fmt::format("attribute '{}' is {}, expected its type and its value", name, shown(value)));
    attributes[name] = attribute_of(json_value<std::size_t>(value[0], "type"), value[1]);
  }
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
  return parsed(line, [](const json& j) {
    TuningJob job{graph_of(member_of(j, "node")), {}, {}, json_member<std::size_t>(j, "memory")};
    if (j.contains("baseline")) job.baseline = candidate_of(j["baseline"]);
    for (const auto& candidate : member_of(j, "candidates"))
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
  return parsed(line, [](const json& j) {
    return TuningReport{json_member<std::string>(j, "error"), json_member<double>(j, "seconds"),
                        json_member<double>(j, "baseline_seconds")};
  });
}

}  // namespace tessera
