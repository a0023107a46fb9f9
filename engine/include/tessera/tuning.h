// Tuning results: the algorithm and its parameters for each kind of node on a device. Without an
// entry the device decides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/export.h"
#include "tessera/graph.h"

namespace tessera {

struct DeviceInfo;

/// Integer parameters of an algorithm, e.g. {"tile_m", 8}. The algorithm chooses the others.
using Parameters = std::map<std::string, std::int64_t, std::less<>>;
/// Returns a text such as "tile_m=8 vectors=2".
TESSERA_API std::string to_string(const Parameters& parameters);

/// An algorithm with parameters for running a node.
struct Candidate {
  std::string algorithm;
  Parameters parameters = {};
  /// Returns whether algorithm and parameters are equal.
  bool operator==(const Candidate&) const = default;
};
/// Returns a text such as "tile tile_m=8 vectors=2".
TESSERA_API std::string to_string(const Candidate& candidate);

/// Returns the key of a node, which has everything that the choice of an algorithm may depend on,
/// in one line: op, inputs and integer attributes, e.g. "matmul f32[128,64] f32[10,64]
/// transpose_a=0 transpose_b=1". The batch size is part of it.
TESSERA_API std::string tuning_key(const Graph& graph, const Node& node);

/// The choice for a key, and the seconds of one run on the device on which it was tuned.
struct Tuned {
  Candidate candidate;
  double seconds = 0;
  double default_seconds = 0;  ///< without tuning
  /// Returns whether candidate and times are equal.
  bool operator==(const Tuned&) const = default;
};

/// Results by tuning key.
using Tuning = std::map<std::string, Tuned, std::less<>>;

/// Results in a file, or the results built into the library under this name.
struct TuningFile {
  std::string path;
  Tuning tuning;
  std::string problem;  ///< why it is ignored, e.g. another version; or empty
};

/// Returns the folder of stored results: TESSERA_TUNING_DIR, else tessera/tuning in
/// XDG_CONFIG_HOME, else in ~/.config. Empty if there is no such folder.
TESSERA_API std::string tuning_folder();
/// Returns the results for a device that are built into the library.
TESSERA_API std::optional<TuningFile> shipped_tuning(const DeviceInfo& info);
/// Returns the stored results for a device.
TESSERA_API std::optional<TuningFile> stored_tuning(const DeviceInfo& info);
/// Returns the results that a device uses when it is opened: stored results override those built
/// into the library. Empty if the variable TESSERA_TUNING is "off".
TESSERA_API Tuning load_tuning(const DeviceInfo& info);
/// Adds results to the stored ones and returns the path of the file. Throws Error if it cannot be
/// written.
TESSERA_API std::string store_tuning(const DeviceInfo& info, const Tuning& tuning);
/// Removes the stored results. Returns whether there were any. Throws Error on failure.
TESSERA_API bool clear_tuning(const DeviceInfo& info);

}  // namespace tessera
