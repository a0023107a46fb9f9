// Output files: replaced as a whole, with links followed, and locked against other processes.
#pragma once

#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the file that writing to `path` creates or replaces. Follows symbolic links, even if the
/// target does not exist yet. Throws Error if it is not a regular file, for example a folder, a
/// pipe, a device or the open file of a process (/dev/stdout).
TESSERA_API std::string output_target(const std::string& path);

/// Replaces the file as a whole or not at all, and keeps its mode; a new file gets 0666 without the
/// bits of the umask. Links are kept. Throws Error like output_target, and if the file cannot be
/// written; the file then keeps its old content.
TESSERA_API void write_file(const std::string& path, std::string_view bytes);

/// Throws the Error that write_file would throw before it writes a byte. Also removes temporary
/// files that killed writers of this file left beside it, and nothing else.
TESSERA_API void check_output(const std::string& path);

/// Reserves a file for one process. The lock is a separate file, `path` + ".lock", which the
/// destructor removes. The lock of a process that dies is free at once.
class TESSERA_API OutputLock {
 public:
  /// What to do if another process holds the lock: throw Error, or wait.
  enum class Busy : bool { fails, waits };
  /// Locks the file. Does nothing if the file system has no locks or the lock cannot be created.
  explicit OutputLock(const std::string& path, Busy busy = Busy::fails);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  std::string path_;  ///< path of the lock file
  int descriptor_ = -1;
};

}  // namespace tessera
