#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "bench/bench.h"

namespace tessera::bench {

double time_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void serve(const std::string& ready, const std::function<void(std::int64_t count)>& run) {
  fmt::print("{}\n", ready);
  std::fflush(stdout);
  for (std::int64_t count; std::cin >> count;) {
    fmt::print("{}\n", time_of([&] { run(count); }));
    std::fflush(stdout);
  }
}

double median_time(const std::function<void()>& run, double seconds) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 || total < seconds) {
    times.push_back(time_of(run));
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

}  // namespace tessera::bench
