#include "engine/base/home_process.h"

#include <fmt/format.h>
#include <pthread.h>

#include "tessera/error.h"

namespace tessera {

unsigned HomeProcess::forks = 0;

HomeProcess::HomeProcess() : forks_(forks) {
  // Comparing a counter is free; getpid() is a system call.
  [[maybe_unused]] static const int counts =
      pthread_atfork(nullptr, nullptr, [] { ++HomeProcess::forks; });
}

void HomeProcess::fail(std::string_view where, std::string_view what) {
  throw Error(std::string(where),
              fmt::format("{} was created before this process was forked, and its threads exist in "
                          "the parent only; use it in one of the two processes",
                          what));
}

}  // namespace tessera
