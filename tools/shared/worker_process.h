// A child process that runs this program again and talks in lines: what it dies of is survived.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tessera::tools {

class WorkerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts this program with these arguments; its standard input and output are the lines, and
  /// what it says on the standard error is dropped. Throws Error when it cannot be started.
  explicit WorkerProcess(std::vector<std::string> arguments);
  /// Kills it.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// A process that is gone takes no notice.
  void send(const std::string& line);

  enum class Outcome { line, ended, late, interrupted };
  /// Waits for the next line until then; `interrupted` after a signal.
  Outcome receive(std::string& line, Clock::time_point until);
  /// After `ended`: "it ended by signal 11 (Segmentation fault)" or "it ended with exit code 1".
  std::string how_it_ended();

 private:
  int socket_ = -1;
  int process_ = -1;
  std::string received_;  ///< lines not taken yet
};

}  // namespace tessera::tools
