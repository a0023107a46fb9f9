// Counts, and on request refuses, what this thread allocates with operator new; allocations.cpp
// replaces it for the whole program.
#pragma once

#include <cstdint>

namespace tessera::opencl {

struct Allocations {
  std::int64_t count = 0;
  std::int64_t allowed = -1;  ///< so many more, then std::bad_alloc; negative: no limit
};

Allocations& allocations();  ///< this thread's

}  // namespace tessera::opencl
