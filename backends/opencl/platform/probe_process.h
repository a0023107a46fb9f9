// A program that tries drivers, and may die of it or hang.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::opencl {

/// What a program printed, on both of its outputs, and how it ended: "signal 11 (Segmentation
/// fault)", "exit code 0", or nothing when it was still running after the time it had.
struct ProbeRun {
  bool started = false;
  std::string output;
  std::string end;
};

/// Runs `words`, the first of which is the program's path, for at most so many seconds; then it is
/// killed. Safe beside other threads. `environment` has "NAME=VALUE"; after `last_line` the process
/// is about to end.
ProbeRun run_probe(std::vector<std::string> words, std::vector<std::string> environment,
                   std::string_view last_line, double seconds);

}  // namespace tessera::opencl
