// A trace of a run for chrome://tracing or ui.perfetto.dev: what the host, the loader's thread and
// the queues of the device did, and when.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tessera/profile.h"

namespace tessera::tools {

class Trace {
 public:
  /// Without a file the trace is off and costs nothing. Throws Error that names a file that cannot
  /// be written.
  explicit Trace(const std::string& path = {});
  bool on() const { return on_; }

  /// Adds a span in seconds of the steady clock. Thread-safe.
  void add(const std::string& track, std::string name, double start, double end);
  /// Adds the records of an executable; kernels have the names of their nodes. `device`: the id, if
  /// there are several devices.
  void add(const Graph& graph, const std::vector<ProfileRecord>& records,
           const std::string& device = {});

  /// Runs `work` and adds its time to the host track.
  template <typename Work>
  void host(const char* name, const Work& work) {
    if (!on_) return work();
    const double start = now();
    work();
    add("host", name, start, now());
  }

  /// Returns a function for LoaderOptions::on_batch, or nothing if the trace is off.
  std::function<void(bool filled)> of_loader();

  /// Writes the file, sorted by start, and turns the trace off. Throws Error that names a file that
  /// cannot be written.
  void finish();

  static double now();

 private:
  struct Span {
    std::size_t track;
    std::string name;
    std::string kernel;
    double start, end;
  };
  /// Adds it if it is new.
  std::size_t number_of(const std::string& track);

  std::string path_;
  std::atomic<bool> on_;
  std::mutex mutex_;
  std::vector<std::string> tracks_ = {"host", "loader thread"};
  std::vector<Span> spans_;
};

}  // namespace tessera::tools
