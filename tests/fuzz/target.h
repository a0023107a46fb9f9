// What is fuzzed: functions that take any bytes and do no harm. libFuzzer looks for bytes that do
// (libfuzzer.cpp, which needs clang); without it bytes are changed at random (mutate.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::fuzz {

using Input = std::span<const std::uint8_t>;

struct Target {
  std::string_view name;
  /// Throws Error, of one line, or nothing. What it gives beyond that, or a sanitizer, is a
  /// finding.
  void (*run)(Input input);
  int rounds;  ///< of mutate.cpp, which shall take seconds
};

/// Readers of files and the builder of graphs.
const std::vector<Target>& targets();
/// Throws Error that lists those there are.
const Target& find_target(std::string_view name);

/// Runs it and returns the message of the Error, or nothing. Throws std::logic_error when the
/// message is empty or has more than one line.
std::string outcome(const Target& target, Input input);

/// Builds and runs a graph, see graphs.cpp.
void run_graph(Input input);

}  // namespace tessera::fuzz
