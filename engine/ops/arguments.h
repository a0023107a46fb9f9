// Argument checks of graph-building functions, for arguments from which no node can be built.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "tessera/error.h"
#include "tessera/graph.h"

namespace tessera {

/// Throws Error `[op] message (node 'name')`.
template <typename... Arguments>
[[noreturn]] void fail(const std::string& op, const std::string& name,
                       fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Error(op, fmt::format("{} (node '{}')",
                              fmt::format(format, std::forward<Arguments>(arguments)...), name));
}

/// Returns `axis` of x counted from the start; negative axes count from the end. Throws Error if it
/// is out of range.
inline std::size_t checked_axis(const std::string& op, const Var& x, std::int64_t axis,
                                const std::string& name) {
  const std::int64_t rank = x.spec().rank(), found = axis < 0 ? axis + rank : axis;
  if (found < 0 || found >= rank)
    fail(op, name, "axis is {}, expected {} to {}", axis, -rank, rank - 1);
  return static_cast<std::size_t>(found);
}

/// Throws Error unless x has `rank` dimensions.
inline void check_rank(const std::string& op, const Var& x, std::int64_t rank,
                       const std::string& name) {
  if (x.spec().rank() != rank)
    fail(op, name, "input is {}, expected {} dimensions", to_string(x.spec()), rank);
}

}  // namespace tessera
