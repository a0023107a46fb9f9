// A child process that runs this program again and communicates in lines, so that its crash does
// not end the parent.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tessera::tools {

class WorkerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts this program with these arguments. Lines use its standard input and output; its
  /// standard error is discarded. Throws Error if it cannot be started.
  explicit WorkerProcess(std::vector<std::string> arguments);
  /// Kills it.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Sends a line; ignored if the process has ended.
  void send(const std::string& line);

  enum class Outcome { line, ended, late, interrupted };
  /// Waits for the next line until a time; `interrupted` after a signal.
  Outcome receive(std::string& line, Clock::time_point until);
  /// After `ended`: "it was killed by signal 11 (Segmentation fault)" or "it ended with exit code
  /// 1".
  std::string how_it_ended();

 private:
  int socket_ = -1;
  int process_ = -1;
  std::string received_;  ///< lines that were not read yet
};

}  // namespace tessera::tools
