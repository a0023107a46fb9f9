// Files that programs write: replaced whole, found through links, locked against other processes.
#pragma once

#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the file that writing to `path` creates or replaces: symbolic links are followed, also
/// one whose target does not exist yet. Throws Error if it is something else than a regular file,
/// such as a folder, a pipe, a device or the open file of a process (/dev/stdout).
TESSERA_API std::string output_target(const std::string& path);

/// Replaces the file whole or not at all, and keeps its mode; a new file gets 0666 without the bits
/// of the umask. Links stay. Throws Error as output_target does, and when the file cannot be
/// written; it then holds what it held before.
TESSERA_API void write_file(const std::string& path, std::string_view bytes);

/// Throws the Error that write_file would throw before it writes a byte. Removes what writers of
/// this file that were killed have left beside it, and nothing else.
TESSERA_API void check_output(const std::string& path);

/// Keeps a file for one process: the lock is on a file of its own, `path` + ".lock", which is gone
/// afterwards. The lock of a process that dies is free at once.
class TESSERA_API OutputLock {
 public:
  /// What to do about another process that holds the lock: throw Error, or wait for its end.
  enum class Busy : bool { fails, waits };
  /// Where the file system has no locks, or none can be made, nothing is locked.
  explicit OutputLock(const std::string& path, Busy busy = Busy::fails);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  std::string path_;  ///< of the lock
  int descriptor_ = -1;
};

}  // namespace tessera
