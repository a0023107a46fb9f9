#include "backends/opencl/platform/probe_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

namespace tessera::opencl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_output = std::size_t{1} << 20;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

/// With standard input from nowhere, both outputs to `output`, and the signals of a fresh process,
/// whatever the application has blocked or ignores. 0 or an error.
int spawn(std::vector<std::string>& words, std::vector<std::string>& environment, int output,
          pid_t& process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&process, words[0].c_str(), &actions, &attributes,
                                  pointers(words).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// Reads until the output is closed or has the last line, which is true, or until then. A process
/// that the driver started may keep the output open.
bool read_all(int input, Clock::time_point until, std::string_view last_line, std::string& output) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting = {input, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 60000))) <= 0) continue;
    std::array<char, 4096> block;
    const ssize_t count = ::read(input, block.data(), block.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return true;
    if (count > 0 && output.size() < most_output)
      output.append(block.data(), static_cast<std::size_t>(count));
    if (output.ends_with(last_line)) return true;
  }
}

/// How it ended; nothing when it has not yet. An application that waits for all of its children may
/// take the status.
bool has_ended(pid_t process, std::string& end) {
  int status = 0;
  const pid_t found = ::waitpid(process, &status, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  if (found < 0)
    end = "a status that is not known";
  else if (WIFSIGNALED(status))
    end = fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    end = fmt::format("exit code {}", WEXITSTATUS(status));
  return true;
}

bool wait_for_end(pid_t process, Clock::time_point until, std::string& end) {
  while (!has_ended(process, end)) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

ProbeRun run_probe(std::vector<std::string> words, std::vector<std::string> environment,
                   std::string_view last_line, double seconds) {
  ProbeRun run;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return run;
  pid_t process = -1;
  run.started = spawn(words, environment, ends[1], process) == 0;
  ::close(ends[1]);
  if (run.started) {
    const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                          std::chrono::duration<double>(seconds));
    // A process that has closed its outputs is about to end.
    if (!read_all(ends[0], until, last_line, run.output) ||
        !wait_for_end(process, until, run.end)) {
      ::kill(process, SIGKILL);
      std::string killed;  // one that waits for a device may not even notice
      wait_for_end(process, Clock::now() + std::chrono::seconds(1), killed);
    }
  }
  ::close(ends[0]);
  return run;
}

}  // namespace tessera::opencl
