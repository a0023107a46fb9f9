// Tuning: which algorithm, shaped by which numbers, a device runs for which kind of node. Without
// an entry a device decides by itself.
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

/// Whole numbers that shape the launches of an algorithm, e.g. {"tile_m", 8}. Those that are not
/// given are the algorithm's choice.
using Parameters = std::map<std::string, std::int64_t, std::less<>>;
/// "tile_m=8 vectors=2".
TESSERA_API std::string to_string(const Parameters& parameters);

/// A way to run a node.
struct Candidate {
  std::string algorithm;
  Parameters parameters = {};
  /// Whether algorithm and parameters are equal.
  bool operator==(const Candidate&) const = default;
};
/// "tile tile_m=8 vectors=2".
TESSERA_API std::string to_string(const Candidate& candidate);

/// What an algorithm may depend on, in one line: op, inputs and attributes but for those that are
/// no whole numbers, e.g. "matmul f32[128,64] f32[10,64] transpose_a=0 transpose_b=1". The batch
/// size is part of it.
TESSERA_API std::string tuning_key(const Graph& graph, const Node& node);

/// What was chosen for a key, and the seconds of one run on the device that it was chosen on.
struct Tuned {
  Candidate candidate;
  double seconds = 0;
  double default_seconds = 0;  ///< without tuning
  /// Whether candidate and times are equal.
  bool operator==(const Tuned&) const = default;
};

/// By tuning key.
using Tuning = std::map<std::string, Tuned, std::less<>>;

/// Results in a file, or those that come with the library under this name.
struct TuningFile {
  std::string path;
  Tuning tuning;
  std::string problem;  ///< why none of it is taken, e.g. since it is of another version; or empty
};

/// Where results are stored: TESSERA_TUNING_DIR, else tessera/tuning in XDG_CONFIG_HOME, else in
/// ~/.config; empty when there is no such folder.
TESSERA_API std::string tuning_folder();
/// Those of a device that come with the library, and those that were stored.
TESSERA_API std::optional<TuningFile> shipped_tuning(const DeviceInfo& info);
/// Those that were stored.
TESSERA_API std::optional<TuningFile> stored_tuning(const DeviceInfo& info);
/// What a device takes when it is opened: what was stored before what was shipped, or nothing when
/// the variable TESSERA_TUNING is "off".
TESSERA_API Tuning load_tuning(const DeviceInfo& info);
/// Adds to what is stored and returns the file. Throws Error when it cannot be written.
TESSERA_API std::string store_tuning(const DeviceInfo& info, const Tuning& tuning);
/// Removes what is stored; returns whether there was anything. Throws Error when it cannot.
TESSERA_API bool clear_tuning(const DeviceInfo& info);

}  // namespace tessera
