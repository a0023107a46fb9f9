#include "engine/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/base/machine.h"

namespace tessera {

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  const std::size_t most = static_cast<std::size_t>(thread_count());
  std::atomic<std::size_t> next = 0;
  std::mutex failing;
  std::exception_ptr failure;
  std::size_t failed = count;
  // Threads take the indices in order, so all indices below a failed one will be completed.
  const auto take = [&] {
    for (std::size_t i; (i = next++) < count;) try {
        work(i);
      } catch (...) {
        next = count;
        const std::lock_guard lock(failing);
        if (i < failed) {
          failed = i;
          failure = std::current_exception();
        }
      }
  };
  {
    std::vector<std::jthread> threads;
    try {
      while (threads.size() + 1 < std::min(most, count)) threads.emplace_back(take);
    } catch (const std::system_error&) {  // fewer threads suffice
    }
    take();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace tessera
