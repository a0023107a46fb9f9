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

/// Opens or makes the lock; -1: there can be none. A lock that another user made may be readable
/// only, which is enough but for NFS.
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

/// Whether the file is still found there: who held the lock before has removed it.
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
                  "another process is writing this file, expected one at a time: wait for its end, "
                  "or choose another file");
    if (error == 0) continue;
    ::unlink(path_.c_str());  // a lock that nobody can hold
    return;
  }
}

OutputLock::~OutputLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());  // before it is free: no other process may hold what is gone
  ::close(descriptor_);
}

}  // namespace tessera
