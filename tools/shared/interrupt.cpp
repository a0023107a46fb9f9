#include "tools/shared/interrupt.h"

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace tessera::tools {
namespace {

std::atomic<int> signalled = 0;  ///< the first signal
static_assert(std::atomic<int>::is_always_lock_free, "a handler may use it");

void handle(int signal) {
  int none = 0;
  if (signalled.compare_exchange_strong(none, signal) || signal != SIGINT) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // is delivered when this handler returns
}

}  // namespace

void catch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = handle;
    sigaction(signal, &action, nullptr);
  }
}

void interrupt() {
  int none = 0;
  signalled.compare_exchange_strong(none, SIGTERM);
}

bool interrupted() { return signalled != 0; }

int interrupted_exit_code() { return 128 + signalled; }

}  // namespace tessera::tools
