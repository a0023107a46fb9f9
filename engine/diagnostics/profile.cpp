#include "tessera/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tessera/device.h"
#include "tessera/flops.h"

namespace tessera {
namespace {

/// Returns the bytes that a node reads and writes. Counts a value that several inputs share once.
double bytes(const Graph& graph, const Node& node) {
  std::vector<ValueId> read = node.inputs;
  std::sort(read.begin(), read.end());
  read.erase(std::unique(read.begin(), read.end()), read.end());
  double total = 0;
  const auto count = [&](ValueId id) {
    total += static_cast<double>(graph.value(id).spec.bytes());
  };
  std::for_each(read.begin(), read.end(), count);
  std::for_each(node.outputs.begin(), node.outputs.end(), count);
  return total;
}

template <typename Key>
std::vector<ProfileRow> longest_first(std::map<Key, ProfileRow> rows) {
  std::vector<ProfileRow> sorted;
  for (auto& [key, row] : rows) sorted.push_back(std::move(row));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return sorted;
}

void add(ProfileRow& row, const ProfileRecord& record) {
  ++row.calls;
  row.seconds += record.seconds();
}

}  // namespace

std::string to_string(const NodeChoice& choice) {
  std::string text = fmt::format("{}: {} {}", choice.name, choice.op, choice.algorithm);
  if (choice.pieces > 1) text += fmt::format(" in {} pieces", choice.pieces);
  if (!choice.tuned.empty()) text += fmt::format(" ({})", choice.tuned);
  for (const Refusal& refusal : choice.refused)
    text += fmt::format(" ({} refused: {})", refusal.algorithm, refusal.reason);
  return text;
}

std::vector<std::string> Executable::describe() const {
  std::vector<std::string> lines;
  for (const NodeChoice& choice : choices()) lines.push_back(to_string(choice));
  return lines;
}

double ProfileRow::share_of(const Ceilings& ceilings) const {
  return seconds <= 0 ? 0 : std::max(flops / ceilings.flops, bytes / ceilings.bytes) / seconds;
}

bool ProfileRow::bound_by_flops(const Ceilings& ceilings) const {
  return flops / ceilings.flops > bytes / ceilings.bytes;
}

std::vector<ProfileRow> rows_by_node(const Executable& executable,
                                     const std::vector<ProfileRecord>& records, std::int64_t runs) {
  const Graph& graph = executable.graph();
  std::map<std::pair<NodeId, std::string>, ProfileRow> rows;
  for (const ProfileRecord& record : records) {
    const std::string name = record.node == no_node ? record.work : graph.node(record.node).name;
    ProfileRow& row = rows[{record.node, name}];
    row.node = record.node;
    row.name = name;
    add(row, record);
  }
  for (auto& [key, row] : rows) {
    if (row.node == no_node) continue;
    const Node& node = graph.node(row.node);
    row.flops = static_cast<double>(runs) * flops(graph, node);
    row.bytes = static_cast<double>(runs) * bytes(graph, node);
  }
  return longest_first(std::move(rows));
}

std::vector<ProfileRow> rows_by_kernel(const Executable& executable,
                                       const std::vector<ProfileRecord>& records,
                                       std::int64_t runs) {
  std::map<NodeId, ProfileRow> nodes;
  for (const ProfileRow& row : rows_by_node(executable, records, runs)) nodes[row.node] = row;
  std::map<std::string, ProfileRow> rows;
  for (const ProfileRecord& record : records) {
    ProfileRow& row = rows[record.work];
    row.name = record.work;
    add(row, record);
    const ProfileRow& node = nodes.at(record.node);
    if (node.seconds <= 0) continue;
    row.flops += node.flops * record.seconds() / node.seconds;
    row.bytes += node.bytes * record.seconds() / node.seconds;
  }
  return longest_first(std::move(rows));
}

}  // namespace tessera
