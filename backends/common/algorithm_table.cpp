#include "backends/common/algorithm_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

namespace tessera {

void Preference::fail(const std::string& kind, const std::vector<std::string>& known) const {
  throw Error(variable, fmt::format("'{}' names an unknown {}, expected OP=ALGORITHM with one of "
                                    "the {}s {}",
                                    text, kind, kind, fmt::join(known, ", ")));
}

std::vector<Preference> read_preferences(const std::string& variable) {
  std::vector<Preference> all;
  const char* const value = std::getenv(variable.c_str());
  std::string_view rest = value ? value : "";
  while (!rest.empty()) {
    const std::string_view text = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    const std::size_t equals = std::min(text.find('='), text.size());
    all.push_back({variable, std::string(text), std::string(text.substr(0, equals)),
                   std::string(text.substr(std::min(equals + 1, text.size())))});
  }
  return all;
}

std::string tuned_text(const Parameters& parameters) {
  return parameters.empty() ? "tuned" : fmt::format("tuned: {}", to_string(parameters));
}

void fail_without_algorithm(const NodeView& node, std::string_view backend,
                            const std::vector<Refusal>& refused) {
  std::string why;
  for (const Refusal& r : refused) why += fmt::format(" ({} refused: {})", r.algorithm, r.reason);
  throw Error(std::string(node.op_name()),
              fmt::format("no algorithm for {}{} (node '{}')", backend, why, node.node().name));
}

}  // namespace tessera
