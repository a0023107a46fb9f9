// Where the averages of parameters are.
#pragma once

#include <algorithm>
#include <string>

#include "tessera/params.h"

namespace tessera {

/// The name of a parameter's average. Parameters that a training leaves as they are have none
/// beside those of others: they are their own.
inline std::string average_of(const Params& params, const std::string& parameter) {
  const std::string average = parameter + ".ema";
  const auto has_average = [&](const auto& entry) {
    return entry.second.role == Role::parameter && params.has(entry.first + ".ema");
  };
  const auto& all = params.entries();
  const bool is_own = !params.has(average) && std::any_of(all.begin(), all.end(), has_average);
  return is_own ? parameter : average;
}

}  // namespace tessera
