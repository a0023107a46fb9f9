// Independent pieces of work on the processors of the host.
#pragma once

#include <cstddef>
#include <functional>

namespace tessera {

/// Calls work(0), ..., work(count - 1), each once, on as many threads as thread_count() says. What
/// they throw, that of the lowest number, comes out when all that began have ended; the rest is not
/// begun.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace tessera
