#include "tools/profile/profile_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "tools/shared/json_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

double mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

double busy_seconds(const ProfileReport& report) {
  double total = 0;
  for (const ProfileRecord& record : report.records)
    if (record.queue == Queue::compute) total += record.seconds();
  return total;
}

/// A table by node, with op and algorithm, or by kernel.
class Table {
 public:
  Table(const ProfileReport& report, const char* heading, std::vector<ProfileRow> rows)
      : report_(report), heading_(heading), rows_(std::move(rows)), busy_(busy_seconds(report)) {
    for (const ProfileRow& row : rows_) {
      name_width_ = std::max(name_width_, row.name.size());
      how_width_ = std::max(how_width_, how(row).size());
    }
  }

  void show() const {
    print("\n{:<{}}  {:<{}} {:>6} {:>9} {:>6} {:>8} {:>6} {:>8}\n", heading_, name_width_, "",
          how_width_, "calls", "ms", "share", "GFLOP/s", "GB/s", "ceiling");
    for (const ProfileRow& row : rows_) show_row(row);
  }

 private:
  std::string how(const ProfileRow& row) const {
    if (row.node == no_node) return {};
    const NodeChoice& choice = report_.executable.choices().at(static_cast<std::size_t>(row.node));
    return choice.op + " " + choice.algorithm;
  }

  void show_row(const ProfileRow& row) const {
    const auto steps = static_cast<double>(report_.steps);
    const bool works = row.flops > 0 || row.bytes > 0;
    print("{:<{}}  {:<{}} {:>6} {:>9.3f} {:>5.1f}% {:>8} {:>6} {:>8}\n", row.name, name_width_,
          how(row), how_width_, row.calls / report_.steps, 1e3 * row.seconds / steps,
          100 * row.seconds / busy_,
          row.flops > 0 ? fmt::format("{:.1f}", 1e-9 * row.flops / row.seconds) : "",
          works ? fmt::format("{:.1f}", 1e-9 * row.bytes / row.seconds) : "",
          works ? fmt::format("{:.0f}% {}", 100 * row.share_of(report_.ceilings),
                              row.bound_by_flops(report_.ceilings) ? 'F' : 'B')
                : "");
  }

  const ProfileReport& report_;
  const char* heading_;
  std::vector<ProfileRow> rows_;
  double busy_;
  std::size_t name_width_ = 6, how_width_ = 2;
};

/// Prints each refused algorithm with the reason and the number of nodes.
void print_refusals(const Executable& executable) {
  std::map<std::tuple<std::string, std::string, std::string>, int> nodes;
  for (const NodeChoice& choice : executable.choices())
    for (const Refusal& refusal : choice.refused)
      ++nodes[{choice.op, refusal.algorithm, refusal.reason}];
  if (nodes.empty()) return;
  print("\nrefused\n");
  for (const auto& [refusal, count] : nodes)
    print("{} {}: {} ({} node{})\n", std::get<0>(refusal), std::get<1>(refusal),
          std::get<2>(refusal), count, count == 1 ? "" : "s");
}

nlohmann::ordered_json to_json(const ProfileReport& report, const ProfileRow& row) {
  const double steps = static_cast<double>(report.steps);
  nlohmann::ordered_json j = {{"name", row.name}};
  if (row.node != no_node) {
    const NodeChoice& choice = report.executable.choices().at(static_cast<std::size_t>(row.node));
    auto refused = nlohmann::ordered_json::array();
    for (const Refusal& r : choice.refused)
      refused.push_back({{"algorithm", r.algorithm}, {"reason", r.reason}});
    j.update({{"op", choice.op},
              {"algorithm", choice.algorithm},
              {"tuned", choice.tuned},
              {"refused", refused}});
  }
  j.update({{"calls", row.calls / report.steps},
            {"ms", 1e3 * row.seconds / steps},
            {"gflop", 1e-9 * row.flops / steps},
            {"gigabytes", 1e-9 * row.bytes / steps},
            {"share_of_ceiling", row.share_of(report.ceilings)},
            {"bound", row.bound_by_flops(report.ceilings) ? "flops" : "bytes"}});
  return j;
}

}  // namespace

void print_text(const ProfileReport& r) {
  const double steps = static_cast<double>(r.steps);
  print("{}, on {} ({})\n", r.what, r.device.name, r.device.id);
  print(
      "ceilings  {:.0f} GFLOP/s, {:.1f} GB/s; launch {:.1f} us; upload {:.1f}, download {:.1f} "
      "GB/s (measured)\n",
      1e-9 * r.ceilings.flops, 1e-9 * r.ceilings.bytes, 1e6 * r.ceilings.launch,
      1e-9 * r.ceilings.upload, 1e-9 * r.ceilings.download);
  print(
      "step      {:.3f} ms, {:.0f} images/s; {:.3f} ms while profiling, {:.3f} ms of it in {} "
      "commands\n",
      1e3 * r.step_seconds, static_cast<double>(r.images) / r.step_seconds,
      1e3 * r.recorded_seconds, 1e3 * busy_seconds(r) / steps,
      static_cast<std::int64_t>(r.records.size()) / r.steps);
  const MemoryUse m = r.executable.memory();
  print(
      "memory    {:.1f} MiB: arena {:.1f}, workspace {:.1f}, input staging {:.1f}, constants "
      "{:.1f}, packed weights {:.1f}, parameters and states {:.1f}\n",
      mebibytes(m.total()), mebibytes(m.arena), mebibytes(m.workspace), mebibytes(m.staging),
      mebibytes(m.constants), mebibytes(m.prepared), mebibytes(m.parameters));
  Table(r, "layer", rows_by_node(r.executable, r.records, r.steps)).show();
  Table(r, "kernel", rows_by_kernel(r.executable, r.records, r.steps)).show();
  print(
      "\nceiling: the ideal time for the operations (F) or bytes (B), as a share of the measured "
      "time; caches can give more than 100%\n");
  print_refusals(r.executable);
}

void print_json(const ProfileReport& r) {
  const MemoryUse m = r.executable.memory();
  nlohmann::ordered_json j = {{"what", r.what},
                              {"device", {{"id", r.device.id}, {"name", r.device.name}}},
                              {"steps", r.steps},
                              {"images", r.images},
                              {"step_ms", 1e3 * r.step_seconds},
                              {"recorded_step_ms", 1e3 * r.recorded_seconds},
                              {"ceilings",
                               {{"gflop_s", 1e-9 * r.ceilings.flops},
                                {"gigabytes_s", 1e-9 * r.ceilings.bytes},
                                {"launch_us", 1e6 * r.ceilings.launch},
                                {"upload_gigabytes_s", 1e-9 * r.ceilings.upload},
                                {"download_gigabytes_s", 1e-9 * r.ceilings.download}}},
                              {"memory",
                               {{"total", m.total()},
                                {"arena", m.arena},
                                {"workspace", m.workspace},
                                {"staging", m.staging},
                                {"constants", m.constants},
                                {"prepared", m.prepared},
                                {"parameters", m.parameters}}}};
  j["layers"] = j["kernels"] = nlohmann::ordered_json::array();
  for (const ProfileRow& row : rows_by_node(r.executable, r.records, r.steps))
    j["layers"].push_back(to_json(r, row));
  for (const ProfileRow& row : rows_by_kernel(r.executable, r.records, r.steps))
    j["kernels"].push_back(to_json(r, row));
  print_text(json_text(j) + "\n");
}

}  // namespace tessera::tools
