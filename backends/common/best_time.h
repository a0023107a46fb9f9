// For the measurement of ceilings: the shortest time is the one that nothing disturbed.
#pragma once

#include <algorithm>
#include <chrono>

namespace tessera {

/// The shortest of `times` times of `work`, in seconds, after one that does not count.
template <class Work>
double best_time(int times, const Work& work) {
  work();
  double best = 1e30;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
  }
  return best;
}

}  // namespace tessera
