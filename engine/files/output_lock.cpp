#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

/// Opens or creates the lock; -1: impossible. A lock of another user may be read-only, which
/// suffices except on NFS.
int open_lock(const std::string& path) {
  constexpr int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | flags, 0666);
  if (descriptor < 0 && errno == EACCES) descriptor = ::open(path.c_str(), O_RDONLY | flags);
  struct stat status {};
  if (descriptor < 0 || (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)))
    return descriptor;
  ::close(descriptor);
  return -1;
}

int lock(int descriptor, int operation) {
  int result = 0;
  do {
    result = ::flock(descriptor, operation);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

/// Whether the file still exists there: the previous holder may have removed it.
bool is_at(const std::string& path, int descriptor) {
  struct stat here {
  }, there{};
  return ::fstat(descriptor, &here) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

}  // namespace

OutputLock::OutputLock(const std::string& path, Busy busy) : path_(output_target(path) + ".lock") {
  while (true) {
    descriptor_ = open_lock(path_);
    if (descriptor_ < 0) return;
    const int error = lock(descriptor_, busy == Busy::waits ? LOCK_EX : LOCK_EX | LOCK_NB);
    if (error == 0 && is_at(path_, descriptor_)) return;
    ::close(std::exchange(descriptor_, -1));
    if (error == EWOULDBLOCK)
      throw Error(path,
                  "another process is writing this file; wait for its end, or choose another file");
    if (error == 0) continue;
    ::unlink(path_.c_str());  // nobody can hold this lock
    return;
  }
}

OutputLock::~OutputLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());  // before the release, so that no other process holds a removed file
  ::close(descriptor_);
}

}  // namespace tessera
