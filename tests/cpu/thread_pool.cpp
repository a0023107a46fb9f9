// The thread pool: every chunk once, whatever the sizes and the pauses, and no work at rest.
#include "backends/cpu/runtime/thread_pool.h"

#include <doctest/doctest.h>

#include <chrono>
#include <ctime>
#include <numeric>

namespace tessera::cpu {
namespace {

/// How often each chunk was called; -1 where a thread number was out of range.
std::vector<int> calls(ThreadPool& pool, std::int64_t chunks) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(chunks));
  std::atomic<bool> known_threads{true};
  pool.for_each(chunks, [&](std::int64_t chunk, int thread) {
    ++counts.at(static_cast<std::size_t>(chunk));
    if (thread < 0 || thread >= pool.threads()) known_threads = false;
  });
  CHECK(known_threads);
  return {counts.begin(), counts.end()};
}

TEST_CASE("every chunk is done exactly once") {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (std::int64_t chunks : {0, 1, 2, 3, 7, 64, 1000})
      CHECK(calls(pool, chunks) == std::vector<int>(static_cast<std::size_t>(chunks), 1));
  }
}

TEST_CASE("all chunks can be done when run returns, over many jobs of all lengths") {
  ThreadPool pool(3);
  std::vector<std::int64_t> results(64);
  for (std::int64_t job = 0; job < 20000; ++job) {
    const std::int64_t chunks = 2 + job % 60;
    pool.for_each(chunks, [&](std::int64_t chunk, int) {
      results[static_cast<std::size_t>(chunk)] = job + chunk;
    });
    std::int64_t sum = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
      sum += results[static_cast<std::size_t>(chunk)];
    REQUIRE(sum == job * chunks + chunks * (chunks - 1) / 2);
  }
}

TEST_CASE("threads that have gone to sleep wake up") {
  ThreadPool pool(4);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(calls(pool, 50) == std::vector<int>(50, 1));
  }
}

TEST_CASE("different threads share the chunks") {
  ThreadPool pool(2);
  std::vector<std::thread::id> who(2);
  std::atomic<int> arrived{0};
  pool.for_each(2, [&](std::int64_t chunk, int) {
    who[static_cast<std::size_t>(chunk)] = std::this_thread::get_id();
    ++arrived;
    while (arrived < 2) std::this_thread::yield();  // one thread alone would stay here
  });
  CHECK(who[0] != who[1]);
}

TEST_CASE("a pool ends while its threads are on their way to a job") {
  for (int i = 0; i < 2000; ++i) {
    ThreadPool pool(4);
    CHECK(calls(pool, 2) == std::vector<int>(2, 1));
  }
}

TEST_CASE("a pool at rest uses no processor time") {
  ThreadPool pool(4);
  calls(pool, 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double used = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(used < 0.1);  // a single spinning thread would use 0.2 s
}

}  // namespace
}  // namespace tessera::cpu
