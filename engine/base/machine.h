// Name, threads and memory of the machine.
#pragma once

#include <cstdint>
#include <string>

namespace tessera {

struct Machine {
  std::string name;  ///< of the processor
  std::string vendor;
  std::uint64_t
      memory_bytes;  ///< physical memory, or the limit of the control group if that is lower
};
Machine read_machine();

/// Returns the size of the last-level cache; 0: unknown.
std::uint64_t last_cache_bytes();

/// Returns TESSERA_THREADS or OMP_NUM_THREADS, else the number of processors that this process may
/// use. Throws Error unless TESSERA_THREADS is a number from 1 to 1024.
int thread_count();

}  // namespace tessera
