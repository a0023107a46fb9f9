#include "tools/shared/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include "tessera/error.h"
#include "tools/shared/interrupt.h"

namespace tessera::tools {
namespace {

std::string unwritten;      ///< printed, but not yet written
bool is_lost = false;       ///< some output was lost
bool is_tolerated = false;  ///< lost output does not stop the work
bool is_said = false;

/// Writes with system calls, since C streams lose track after an interrupted write. Returns errno
/// of a failure, or 0.
int write_out() noexcept {
  while (!unwritten.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, unwritten.data(), unwritten.size());
    pollfd ready = {STDOUT_FILENO, POLLOUT, 0};
    if (count >= 0)
      unwritten.erase(0, static_cast<std::size_t>(count));
    else if (errno == EAGAIN)
      ::poll(&ready, 1, -1);
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

void print_on_error(const char* prefix, std::string_view text) noexcept {
  write_out();
  try {
    const std::string line = prefix + printable(text) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (const std::bad_alloc&) {
    std::fputs("tessera: out of memory\n", stderr);
  }
}

std::string lost_output(int error) {
  return std::string("[standard output] cannot be written: ") + std::strerror(error);
}

/// Handles output that could not be written.
void lose(int error) {
  is_lost = true;
  unwritten.clear();
  if (!is_tolerated) {
    is_said = true;  // the catcher prints it
    throw Error(lost_output(error));
  }
  const bool nobody_reads = error == EPIPE;
  if (!is_said)
    print_error(lost_output(error) + (nobody_reads ? "; the training saves its model and stops"
                                                   : "; the training continues without it"));
  is_said = true;
  if (nobody_reads) interrupt();
}

}  // namespace

void prepare_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // open() returns this descriptor, the lowest free one; the wrong direction makes each use fail.
    [[maybe_unused]] const int opened =
        ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
}

void print_text(std::string_view text) {
  constexpr std::size_t most_unwritten = 1 << 16;
  static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  if (is_lost && is_tolerated) return;
  unwritten += text;
  if (unwritten.size() >= most_unwritten || (is_terminal && text.ends_with('\n'))) flush_output();
}

void print_note(std::string_view line) noexcept { print_on_error("", line); }

void print_error(std::string_view message) noexcept { print_on_error("tessera: ", message); }

std::string message_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return "out of memory";
  return printable(error.what());
}

void flush_output() {
  if (const int error = write_out(); error != 0) lose(error);
}

void tolerate_lost_output() { is_tolerated = true; }

bool finish_output() {
  flush_output();
  return !is_lost;
}

}  // namespace tessera::tools
