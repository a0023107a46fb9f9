// A parallel for loop over independent work on the host.
#pragma once

#include <cstddef>
#include <functional>

namespace tessera {

/// Calls work(0), ..., work(count - 1), each once, on thread_count() threads. After an exception no
/// further calls start; when all running calls have ended, rethrows the exception of the lowest
/// index.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace tessera
