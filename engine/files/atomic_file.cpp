#include "engine/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>

#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr const char* not_regular = "cannot be written: not a regular file";
constexpr std::string_view temporary_end = ".part";
constexpr std::size_t temporary_digits = 8;

/// Returns the mode of the existing file, if any.
std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return status;
}

/// A temporary file beside `target`; removed unless it has replaced `target`. Errors name `path`,
/// which may be a link to it.
class TemporaryFile {
 public:
  /// `mode` of the file; none: the mode of the replaced file, else by the umask.
  TemporaryFile(const std::string& path, const std::string& target, std::optional<unsigned> mode)
      : path_(path), target_(target) {
    const std::optional<struct stat> replaced = status_of(target);
    std::random_device random;
    // O_EXCL skips existing names and planted links.
    do {
      name_ = fmt::format("{}.{:08x}{}", target, random(), temporary_end);
      descriptor_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                           mode.value_or(replaced ? replaced->st_mode & 0600 : 0666));
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) fail("created");
    ::flock(descriptor_, LOCK_EX | LOCK_NB);  // for remove_leftovers
    if (replaced && !mode) take_over(*replaced);
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

  void rename_to_target() {
    if (::fsync(descriptor_) != 0) fail("synced");
    if (std::rename(name_.c_str(), target_.c_str()) != 0) fail("renamed");
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(path_, fmt::format("cannot be {}: {}", what, std::strerror(errno)));
  }

  /// Copies mode and, if permitted, owner and group. Ignores failures on file systems without
  /// modes.
  void take_over(const struct stat& replaced) const {
    struct stat own {};
    ::fstat(descriptor_, &own);
    mode_t mode = replaced.st_mode & 07777;
    const bool is_foreign = own.st_uid != replaced.st_uid || own.st_gid != replaced.st_gid;
    // Another group must not get the permissions of the old one.
    if (is_foreign && ::fchown(descriptor_, replaced.st_uid, replaced.st_gid) != 0 &&
        ::fchown(descriptor_, static_cast<uid_t>(-1), replaced.st_gid) != 0)
      mode &= ~static_cast<mode_t>(0070);
    [[maybe_unused]] const int refused = ::fchmod(descriptor_, mode);
  }

  std::string path_;
  std::string target_;
  std::string name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

/// Makes the rename survive a power failure. Ignores errors: the file is complete in any case, and
/// some file systems cannot sync a folder.
void sync_folder(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

/// Whether the name is that of a temporary file of `target`.
bool is_temporary(const std::string& name, const std::string& target) {
  if (name.size() != target.size() + 1 + temporary_digits + temporary_end.size()) return false;
  const std::string digits = name.substr(target.size() + 1, temporary_digits);
  return name.starts_with(target + ".") && name.ends_with(temporary_end) &&
         std::all_of(digits.begin(), digits.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// Removes temporary files of killed writers; running writers hold a lock.
void remove_leftovers(const std::string& target) {
  const fs::path path(target);
  const std::string name = path.filename().string();
  std::error_code error;  // other processes may remove them at the same time
  fs::directory_iterator entry(path.has_parent_path() ? path.parent_path() : ".", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!is_temporary(entry->path().filename().string(), name)) continue;
    const int descriptor =
        ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

/// Whether a link is a kernel link to an open file, such as /proc/self/fd/1.
bool is_open_file(const fs::path& link) {
  std::error_code ignored;
  const fs::path folder = link.has_parent_path() ? link.parent_path() : ".";
  return fs::canonical(folder, ignored).string().starts_with("/proc/");
}

}  // namespace

std::string output_target(const std::string& path) {
  constexpr int most_links = 40;  // as in the kernel
  fs::path target(path);
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (is_open_file(target)) throw Error(path, not_regular);
    if (links == most_links) throw Error(path, "cannot be written: too many links");
    target = target.parent_path() / fs::read_symlink(target, error);
    if (error) throw Error(path, "cannot be written: " + error.message());
  }
  const auto status = fs::status(target, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) throw Error(path, not_regular);
  return target.string();
}

void check_output(const std::string& path) {
  const std::string target = output_target(path);
  remove_leftovers(target);
  const TemporaryFile file(path, target, {});
}

void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts,
                           std::optional<unsigned> mode) {
  const std::string target = output_target(path);
  TemporaryFile file(path, target, mode);
  for (std::span<const std::byte> part : parts) file.write(part);
  file.rename_to_target();
  sync_folder(target);
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file_atomically(path, {std::as_bytes(std::span(bytes))});
}

}  // namespace tessera
