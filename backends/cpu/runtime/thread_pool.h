// Persistent worker threads that share the chunks of one job at a time. How a job is cut into
// chunks is the caller's choice and never depends on the number of threads, so results do not.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace tessera::cpu {

class ThreadPool {
 public:
  /// The calling thread counts as one of `threads`.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// What a job calls for each chunk; `thread` in [0, threads()) names who calls, for scratch
  /// memory of its own. It must not throw.
  using Task = void (*)(const void* context, std::int64_t chunk, int thread);
  static constexpr std::int64_t most_chunks = 0xFFFF;
  /// Calls `task` once for each chunk in [0, chunks) and returns when all are done. One caller at
  /// a time.
  void run(std::int64_t chunks, Task task, const void* context);

  /// run() for a callable f(chunk, thread).
  template <typename Function>
  void for_each(std::int64_t chunks, const Function& function) {
    const Task task = [](const void* context, std::int64_t chunk, int thread) {
      (*static_cast<const Function*>(context))(chunk, thread);
    };
    run(chunks, task, &function);
  }

 private:
  /// The chunks that one thread takes first: number of the job, next chunk and end in one word, so
  /// that a thread that wakes up late cannot take a chunk of an earlier job.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> state{0};
  };

  void stop();
  void work(int thread);
  bool wait_for_job(std::uint32_t last);
  void take_chunks(std::uint32_t job, int thread);
  void wait_until_done();

  int threads_;
  std::vector<Share> shares_;
  Task task_ = nullptr;
  const void* context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> job_{0};
  std::atomic<std::int32_t> sleepers_{0};
  std::atomic<bool> stopping_{false};
  alignas(64) std::atomic<std::int32_t> remaining_{0};
  std::vector<std::thread> workers_;
};

}  // namespace tessera::cpu
