#include "engine/files/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/files/user_folder.h"
#include "tessera/cache.h"
#include "tessera/error.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

/// Returns why an open file or folder is not private.
std::string distrust(const struct stat& found) {
  if (found.st_uid != ::geteuid())
    return fmt::format("belongs to user {}, expected {}", found.st_uid, ::geteuid());
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("has mode {:o}, expected a mode without write permission for others",
                       found.st_mode & 07777u);
  return {};
}

std::string distrust(int descriptor) {
  struct stat found = {};
  if (descriptor < 0 || ::fstat(descriptor, &found) != 0) return std::strerror(errno);
  return distrust(found);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

int open_folder(const fs::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

std::string read_all(int descriptor, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t count = ::read(descriptor, &text[at], bytes - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error("cannot be read");
    at += static_cast<std::size_t>(count);
  }
  return text;
}

std::optional<std::string> read(const fs::path& path, std::size_t most_bytes) {
  const Descriptor folder(open_folder(folder_of(path)));
  if (folder < 0) return {};
  // Not blocking, since it may be a pipe.
  const Descriptor file(::openat(folder, path.filename().c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file < 0 && errno == ENOENT) return {};
  if (file < 0 && errno == ELOOP) throw Error("is a link, expected a file");
  if (file < 0) throw Error(std::string("cannot be opened: ") + std::strerror(errno));
  struct stat found = {};
  if (::fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) throw Error("is not a regular file");
  if (const std::string reason = distrust(folder); !reason.empty())
    throw Error("is not read: its folder " + reason);
  if (const std::string reason = distrust(found); !reason.empty())
    throw Error("is not read: it " + reason);
  const auto bytes = static_cast<std::size_t>(found.st_size);
  if (bytes > most_bytes)
    throw Error(fmt::format("has {} bytes, expected at most {}", bytes, most_bytes));
  return read_all(file, bytes);
}

}  // namespace

void make_private_folder(const std::string& path) {
  fs::path made;
  for (const fs::path& part : fs::path(path)) {
    made /= part;
    std::error_code ignored;
    if (::mkdir(made.c_str(), 0700) == 0 || fs::is_directory(made, ignored)) continue;
    throw Error(path, std::string("cannot be created: ") + std::strerror(errno));
  }
}

std::string distrust_of_folder(const std::string& path) {
  const Descriptor folder(open_folder(path));
  return distrust(folder);
}

std::optional<std::string> read_private_file(const std::string& path, std::size_t most_bytes) {
  try {
    return read(path, most_bytes);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
}

std::string private_cache_folder(std::string_view name) {
  const std::string all = user_folder("TESSERA_CACHE_DIR", "XDG_CACHE_HOME", ".cache");
  if (all.empty()) return {};
  const std::string folder = fmt::format("{}/{}", all, name);
  try {
    make_private_folder(folder);
  } catch (const Error&) {
    return {};
  }
  return distrust_of_folder(all).empty() && distrust_of_folder(folder).empty() ? folder : "";
}

}  // namespace tessera
