#include "backends/cpu/runtime/thread_pool.h"

#include <chrono>
#include <string>
#include <system_error>

#include "engine/base/denormals.h"
#include "tessera/error.h"

namespace tessera::cpu {
namespace {

// Longer than the pause between two nodes of a step, shorter than anybody would notice.
constexpr std::chrono::microseconds spin_time{50};

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until `done()` or until the spin time is over; returns done().
template <typename Condition>
bool spin(const Condition& done) {
  const auto deadline = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

constexpr std::uint64_t pack(std::uint32_t job, std::int64_t next, std::int64_t end) {
  return std::uint64_t{job} << 32 | static_cast<std::uint64_t>(next << 16 | end);
}

}  // namespace

ThreadPool::ThreadPool(int threads)
    : threads_(threads), shares_(static_cast<std::size_t>(threads)) {
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int thread = 1; thread < threads; ++thread)
      workers_.emplace_back([this, thread] { work(thread); });
  } catch (const std::system_error& error) {
    stop();
    throw Error("cpu", "cannot start " + std::to_string(threads - 1) + " threads: " + error.what() +
                           "; TESSERA_THREADS sets their number");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(std::int64_t chunks, Task task, const void* context) {
  if (chunks <= 1 || threads_ == 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) task(context, chunk, 0);
    return;
  }
  task_ = task;
  context_ = context;
  remaining_.store(static_cast<std::int32_t>(chunks), std::memory_order_relaxed);
  const std::uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  for (int thread = 0; thread < threads_; ++thread) {
    const std::int64_t next = chunks * thread / threads_, end = chunks * (thread + 1) / threads_;
    shares_[static_cast<std::size_t>(thread)].state.store(pack(job, next, end),
                                                          std::memory_order_release);
  }
  job_.store(job);
  if (sleepers_.load() > 0) job_.notify_all();
  take_chunks(job, 0);
  wait_until_done();
}

void ThreadPool::work(int thread) {
  [[maybe_unused]] const FlushDenormals flush{};
  std::uint32_t last = 0;
  while (wait_for_job(last)) {
    last = job_.load();
    take_chunks(last, thread);
  }
}

/// Returns false when the pool is to end.
bool ThreadPool::wait_for_job(std::uint32_t last) {
  if (stopping_.load()) return false;  // `last` may be the number that says so: no other comes
  const bool found = spin([&] { return job_.load(std::memory_order_acquire) != last; });
  if (!found) {
    sleepers_.fetch_add(1);
    job_.wait(last);
    sleepers_.fetch_sub(1);
  }
  return !stopping_.load();
}

// First the thread's own share, then what is left of the others'.
void ThreadPool::take_chunks(std::uint32_t job, int thread) {
  for (int i = 0; i < threads_; ++i) {
    auto& state = shares_[static_cast<std::size_t>((thread + i) % threads_)].state;
    std::uint64_t seen = state.load(std::memory_order_acquire);
    while (seen >> 32 == job) {
      const std::uint64_t chunk = seen >> 16 & 0xFFFF, end = seen & 0xFFFF;
      if (chunk == end) break;
      if (!state.compare_exchange_weak(seen, seen + 0x10000, std::memory_order_acq_rel)) continue;
      // The job cannot end before this chunk is done, so task_ and context_ are its own.
      task_(context_, static_cast<std::int64_t>(chunk), thread);
      if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1 && thread != 0)
        remaining_.notify_one();
      seen = state.load(std::memory_order_acquire);
    }
  }
}

void ThreadPool::wait_until_done() {
  const auto done = [&] { return remaining_.load(std::memory_order_acquire) == 0; };
  while (!spin(done)) {
    const std::int32_t left = remaining_.load(std::memory_order_acquire);
    if (left != 0) remaining_.wait(left);
  }
}

}  // namespace tessera::cpu
