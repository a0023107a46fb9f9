// Pieces of work on several threads: each is done once, and the first failure comes out.
#include "engine/base/parallel.h"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/cpu/environment.h"

namespace tessera {
namespace {

TEST_CASE("every piece is done once") {
  for (std::size_t count : {0u, 1u, 2u, 1000u}) {
    std::vector<std::atomic<int>> done(count);
    parallel_for(count, [&](std::size_t i) { ++done[i]; });
    for (const auto& times : done) CHECK(times == 1);
  }
}

TEST_CASE("no more threads work than the process may use") {
  const Environment threads("TESSERA_THREADS", "1");
  std::vector<std::thread::id> workers(10);
  parallel_for(workers.size(), [&](std::size_t i) { workers[i] = std::this_thread::get_id(); });
  for (const auto& worker : workers) CHECK(worker == std::this_thread::get_id());
}

TEST_CASE("of several failures the first one comes out") {
  for (int time = 0; time < 100; ++time) {
    std::string message;
    try {
      parallel_for(50, [](std::size_t i) {
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "7");
  }
}

}  // namespace
}  // namespace tessera
