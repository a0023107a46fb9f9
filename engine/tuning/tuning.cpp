#include "tessera/tuning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tessera/op.h"

namespace tessera {
namespace {

/// Returns nothing for a number that does not affect loops.
std::string text_of(const Attribute& attribute) {
  if (const auto* number = std::get_if<std::int64_t>(&attribute)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&attribute))
    return fmt::format("{}", fmt::join(*numbers, ","));
  return {};
}

}  // namespace

std::string to_string(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string to_string(const Candidate& candidate) {
  return candidate.algorithm + (candidate.parameters.empty() ? "" : " ") +
         to_string(candidate.parameters);
}

std::string tuning_key(const Graph& graph, const Node& node) {
  std::string key(node.op->name);
  for (ValueId input : node.inputs) key += fmt::format(" {}", to_string(graph.value(input).spec));
  for (const auto& [name, attribute] : node.attributes.all())
    if (const std::string text = text_of(attribute); !text.empty())
      key += fmt::format(" {}={}", name, text);
  return key;
}

}  // namespace tessera
