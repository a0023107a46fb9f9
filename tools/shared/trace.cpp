#include "tools/shared/trace.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "tessera/output_file.h"
#include "tools/shared/json_text.h"

namespace tessera::tools {

Trace::Trace(const std::string& path) : path_(path), on_(!path.empty()) {
  if (on_) check_output(path);
}

double Trace::now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

std::size_t Trace::number_of(const std::string& track) {
  const auto found = std::find(tracks_.begin(), tracks_.end(), track);
  const auto number = static_cast<std::size_t>(found - tracks_.begin());
  if (found == tracks_.end()) tracks_.push_back(track);
  return number;
}

void Trace::add(const std::string& track, std::string name, double start, double end) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  spans_.push_back({number_of(track), std::move(name), {}, start, end});
}

void Trace::add(const Graph& graph, const std::vector<ProfileRecord>& records,
                const std::string& device) {
  const std::lock_guard lock(mutex_);
  const std::string prefix = device.empty() ? "" : device + " ";
  const std::size_t compute = number_of(prefix + "compute queue"),
                    copy = number_of(prefix + "copy queue");
  for (const ProfileRecord& r : records)
    spans_.push_back({r.queue == Queue::copy ? copy : compute,
                      r.node == no_node ? r.work : graph.node(r.node).name,
                      r.node == no_node ? std::string() : r.work, r.start, r.end});
}

std::function<void(bool filled)> Trace::of_loader() {
  if (!on_) return {};
  return [this, start = 0.0](bool filled) mutable {
    if (filled) add("loader thread", "fill", start, now());
    start = now();
  };
}

// The format: a list of events, times in microseconds; "M" names a track, "X" is a span.
void Trace::finish() {
  on_ = false;
  const std::lock_guard lock(mutex_);
  std::stable_sort(spans_.begin(), spans_.end(),
                   [](const Span& a, const Span& b) { return a.start < b.start; });
  auto events = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    events.push_back({{"ph", "M"},
                      {"pid", 1},
                      {"tid", i},
                      {"name", "thread_name"},
                      {"args", {{"name", tracks_[i]}}}});
  for (const Span& span : spans_) {
    nlohmann::ordered_json event = {{"ph", "X"},
                                    {"pid", 1},
                                    {"tid", span.track},
                                    {"ts", 1e6 * (span.start - spans_.front().start)},
                                    {"dur", 1e6 * (span.end - span.start)},
                                    {"name", span.name}};
    if (!span.kernel.empty()) event["args"] = {{"kernel", span.kernel}};
    events.push_back(std::move(event));
  }
  write_file(path_, json_text({{"traceEvents", std::move(events)}}) + "\n");
}

}  // namespace tessera::tools
