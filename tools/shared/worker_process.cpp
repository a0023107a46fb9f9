#include "tools/shared/worker_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "tessera/error.h"

extern char** environ;

namespace tessera::tools {

WorkerProcess::WorkerProcess(std::vector<std::string> arguments) {
  const auto fail = [](int error) {
    throw Error("worker", std::string("cannot be started: ") + std::strerror(error));
  };
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail(errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  arguments.insert(arguments.begin(), "tessera");
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const int error =
      ::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  socket_ = ends[0];
  if (error == 0) return;
  ::close(socket_);
  fail(error);
}

WorkerProcess::~WorkerProcess() {
  ::close(socket_);
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void WorkerProcess::send(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t sent = 0; sent < text.size();) {
    // If the process has ended, this raises no signal; the next wait for a line reports it.
    const ssize_t count = ::send(socket_, &text[sent], text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

WorkerProcess::Outcome WorkerProcess::receive(std::string& line, Clock::time_point until) {
  while (true) {
    if (const std::size_t end = received_.find('\n'); end != received_.npos) {
      line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return Outcome::line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Outcome::late;
    pollfd waiting = {socket_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 60000)));
    if (ready < 0) return Outcome::interrupted;
    if (ready == 0) continue;
    std::array<char, 4096> block;
    const ssize_t count = ::recv(socket_, block.data(), block.size(), 0);
    if (count <= 0) return Outcome::ended;
    received_.append(block.data(), static_cast<std::size_t>(count));
  }
}

std::string WorkerProcess::how_it_ended() {
  int status = 0;
  ::kill(process_, SIGKILL);  // it may have closed its output and still run
  if (::waitpid(std::exchange(process_, -1), &status, 0) < 0)
    return "it ended for an unknown reason";
  if (WIFSIGNALED(status))
    return fmt::format("it was killed by signal {} ({})", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
  return fmt::format("it ended with exit code {}", WEXITSTATUS(status));
}

}  // namespace tessera::tools
