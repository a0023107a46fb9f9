#include "engine/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "tessera/error.h"

namespace tessera {
namespace {

/// A file under a name of its own beside `path`, removed unless it has taken the place of `path`.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path) {
    std::random_device random;
    // O_EXCL: a name in use, or a link planted there, is passed over.
    do {
      name_ = fmt::format("{}.{:08x}.part", path, random());
      descriptor_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) fail("created");
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count =
          ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("written");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void rename_to_path() {
    if (::fsync(descriptor_) != 0) fail("synced");
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("closed");
    if (std::rename(name_.c_str(), path_.c_str()) != 0) fail("renamed");
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(path_, fmt::format("cannot be {}: {}", what, std::strerror(errno)));
  }

  std::string path_;
  std::string name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

/// Makes the rename last through a power failure. The file is whole either way, and not every file
/// system can sync a folder, so that a refusal is no failure.
void sync_folder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

void check_replaceable(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw Error(path, "cannot be written: not a regular file");
}

}  // namespace

void check_writable(const std::string& path) {
  check_replaceable(path);
  const TemporaryFile file(path);
}

void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts) {
  check_replaceable(path);
  TemporaryFile file(path);
  for (std::span<const std::byte> part : parts) file.write(part);
  file.rename_to_path();
  sync_folder(path);
}

}  // namespace tessera
