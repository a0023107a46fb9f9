// Files are replaced whole or not at all.
#include "engine/files/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tessera/output_file.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

void write(const std::string& path, const Bytes& bytes) {
  write_file_atomically(path, {std::as_bytes(std::span(bytes))});
}

std::size_t files_in(const TemporaryFolder& folder) {
  const std::filesystem::directory_iterator files(folder.path());
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace

TEST_CASE("a file is written in parts and replaced") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  const Bytes a = {1, 2}, b = {}, c = {3};
  write_file_atomically(path, {std::as_bytes(std::span(a)), std::as_bytes(std::span(b)),
                               std::as_bytes(std::span(c))});
  CHECK(read_file(path) == Bytes{1, 2, 3});
  write(path, {9});
  CHECK(read_file(path) == Bytes{9});
  CHECK(files_in(folder) == 1);
}

TEST_CASE("the file mode is that of a new file") {
  const TemporaryFolder folder;
  const mode_t mask = umask(027);
  write(folder / "x", {1});
  umask(mask);
  struct stat status {};
  REQUIRE(stat((folder / "x").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("a file keeps its mode, and links stay") {
  const TemporaryFolder folder;
  write(folder / "x", {1});
  REQUIRE(chmod((folder / "x").c_str(), 0604) == 0);
  std::filesystem::create_directory(folder / "links");
  std::filesystem::create_symlink("../x", folder / "links/relative");
  std::filesystem::create_symlink(folder / "links/relative", folder / "absolute");
  std::filesystem::create_symlink("new", folder / "dangling");
  CHECK(output_target(folder / "absolute") == folder / "links/../x");
  write(folder / "absolute", {2});
  write(folder / "dangling", {3});
  CHECK(read_file(folder / "x") == Bytes{2});
  CHECK(read_file(folder / "new") == Bytes{3});
  struct stat status {};
  REQUIRE(stat((folder / "x").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0604);
  for (const char* link : {"links/relative", "absolute", "dangling"})
    CHECK(std::filesystem::is_symlink(folder / link));
  std::filesystem::create_symlink("circle", folder / "circle");
  CHECK(contains(error_of([&] { write(folder / "circle", {1}); }), "too many links"));
}

TEST_CASE("what is no regular file is refused") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(folder.path(), folder / "link");
  std::filesystem::create_symlink("/dev/null", folder / "null");
  write(folder / "x", {1});
  const int descriptor = open((folder / "x").c_str(), O_WRONLY);
  for (const std::string& path :
       {folder / "link", folder / "null", std::string("/dev/null"),
        "/proc/self/fd/" + std::to_string(descriptor), "/dev/fd/" + std::to_string(descriptor)})
    CHECK(error_of([&] { check_output(path); }) ==
          where(path) + "cannot be written: not a regular file");
  close(descriptor);
}

TEST_CASE("what a killed writer left is removed, and nothing else") {
  const TemporaryFolder folder;
  for (const char* name : {"x.0123abcd.part", "x.part", "x.0123abcdef.part", "y.0123abcd.part"})
    write(folder / name, {1});
  const int busy = open((folder / "x.11111111.part").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(flock(busy, LOCK_EX) == 0);
  check_output(folder / "x");
  CHECK(!std::filesystem::exists(folder / "x.0123abcd.part"));
  CHECK(files_in(folder) == 4);
  close(busy);
}

TEST_CASE("a lock is held by one, and gone afterwards") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("x", folder / "link");
  {
    const OutputLock lock(folder / "x");
    CHECK(contains(error_of([&] { const OutputLock second(folder / "link"); }),
                   "another process is writing this file"));
    std::filesystem::remove(folder / "x.lock");  // as by hand
    CHECK(error_of([&] { const OutputLock second(folder / "x"); }) == "");
  }
  CHECK(error_of([&] { const OutputLock again(folder / "x"); }) == "");
  CHECK(files_in(folder) == 1);
  CHECK(error_of([] { const OutputLock nowhere("/proc/x"); }) == "");
}

TEST_CASE("the lock of a process that dies is free, and those who wait get it") {
  const TemporaryFolder folder;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const OutputLock lock(folder / "x");
    usleep(50'000);
    raise(SIGKILL);
  }
  while (!std::filesystem::exists(folder / "x.lock")) usleep(1000);
  { const OutputLock lock(folder / "x", OutputLock::Busy::waits); }
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(files_in(folder) == 0);
}

TEST_CASE("a path without a folder is in the current one") {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const std::string error = error_of([] { write("x", {4}); });
  std::filesystem::current_path(before);
  CHECK(error == "");
  CHECK(read_file(folder / "x") == Bytes{4});
}

TEST_CASE("where nothing can be written is said") {
  const TemporaryFolder folder;
  const std::string none = folder / "none/x";
  CHECK(error_of([&] { write(none, {1}); }) ==
        where(none) + "cannot be created: No such file or directory");
  write(folder / "file", {1});
  CHECK(contains(error_of([&] { write(folder / "file/x", {1}); }), "Not a directory"));
  CHECK(error_of([&] { write(folder.path().string(), {1}); }) ==
        where(folder.path().string()) + "cannot be written: not a regular file");
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(error_of([&] { write(folder / "pipe", {1}); }) ==
        where(folder / "pipe") + "cannot be written: not a regular file");
  CHECK(files_in(folder) == 2);
  if (geteuid() == 0) return;  // root may write everywhere
  std::filesystem::permissions(
      folder.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  CHECK(contains(error_of([&] { write(folder / "x", {1}); }), "Permission denied"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

// A limit on file sizes stands for a full disk; it holds for a child process only.
TEST_CASE("a write that fails leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  write(path, {5, 6});
  const Bytes large(100'000);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit limit{50'000, 50'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    const std::string error = error_of([&] { write(path, large); });
    _exit(error == where(path) + "cannot be written: File too large" ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_file(path) == Bytes{5, 6});
  CHECK(files_in(folder) == 1);
}

}  // namespace tessera::tests
