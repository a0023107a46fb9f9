// What the operating system says about the machine: name, threads, memory.
#pragma once

#include <cstdint>
#include <string>

namespace tessera {

struct Machine {
  std::string name;  ///< of the processor
  std::string vendor;
  std::uint64_t memory_bytes;  ///< physical, or the limit of the control group where that is lower
};
Machine read_machine();

/// Of the last cache before memory; 0: unknown.
std::uint64_t last_cache_bytes();

/// TESSERA_THREADS or OMP_NUM_THREADS, else the processors this process may use. Throws Error when
/// the first is not a number from 1 to 1024.
int thread_count();

}  // namespace tessera
