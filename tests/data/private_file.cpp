// Files that are trusted later: only those that nobody else can have written.
#include "engine/files/private_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tessera/device.h"
#include "tessera/tuning.h"
#include "tessera/verdict.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const std::string& path) {
  struct stat found = {};
  REQUIRE(::lstat(path.c_str(), &found) == 0);
  return found.st_mode & 0777u;
}

void set_mode(const std::string& path, unsigned mode) { REQUIRE(::chmod(path.c_str(), mode) == 0); }

/// A file in a folder, both ours alone.
struct Kept {
  TemporaryFolder root;
  std::string folder = root / "a/b";
  std::string path = root / "a/b/file";

  Kept() {
    make_private_folder(folder);
    write_file(path, {'x'});
    set_mode(path, 0600);
  }
  std::string error() const {
    return error_of([&] { read_private_file(path, 10); });
  }
};

DeviceInfo made_up_device() {
  DeviceInfo info;
  info.name = std::string("made up");
  info.driver = std::string("1");
  return info;
}

}  // namespace

TEST_CASE("a private file is read where it and its folder are ours alone") {
  const Kept kept;
  CHECK(mode_of(kept.folder) == 0700);
  CHECK(mode_of(kept.root / "a") == 0700);
  CHECK(read_private_file(kept.path, 10) == "x");
  set_mode(kept.path, 0644);  // others may read it
  CHECK(read_private_file(kept.path, 10) == "x");
  CHECK_FALSE(read_private_file(kept.root / "a/b/none", 10));
  CHECK_FALSE(read_private_file(kept.root / "a/b/none/none", 10));
}

TEST_CASE("a private file that others can have written is not read") {
  const Kept kept;
  for (const unsigned mode : {0620u, 0602u, 0666u}) {
    set_mode(kept.path, mode);
    CHECK(contains(kept.error(), "is not read: it has mode "));
  }
  set_mode(kept.path, 0600);
  for (const unsigned mode : {0775u, 0777u, 01777u}) {
    set_mode(kept.folder, mode);
    CHECK(contains(kept.error(), "is not read: its folder has mode "));
    CHECK(contains(distrust_of_folder(kept.folder), "has mode "));
  }
  set_mode(kept.folder, 0755);
  CHECK(kept.error() == "");
  if (::geteuid() != 0) return;  // only root gives files away
  REQUIRE(::chown(kept.path.c_str(), 1, 1) == 0);
  CHECK(contains(kept.error(), "is not read: it belongs to user 1, expected 0"));
  REQUIRE(::chown(kept.path.c_str(), 0, 0) == 0);
  REQUIRE(::chown(kept.folder.c_str(), 1, 1) == 0);
  CHECK(contains(kept.error(), "is not read: its folder belongs to user 1, expected 0"));
}

TEST_CASE("a private file is no link, pipe or folder, and not too large") {
  const Kept kept;
  fs::rename(kept.path, kept.root / "a/b/other");
  fs::create_symlink(kept.root / "a/b/other", kept.path);
  CHECK(kept.error() == where(kept.path).append("is a link, expected a file"));
  fs::remove(kept.path);
  REQUIRE(::mkfifo(kept.path.c_str(), 0600) == 0);
  CHECK(kept.error() == where(kept.path) + "is not a regular file");
  fs::remove(kept.path);
  fs::create_directory(kept.path);
  CHECK(kept.error() == where(kept.path) + "is not a regular file");
  fs::remove(kept.path);
  write_file(kept.path, Bytes(11, 'x'));
  set_mode(kept.path, 0600);
  CHECK(kept.error() == where(kept.path) + "has 11 bytes, expected at most 10");
}

TEST_CASE("verdicts and tuning results are written for us alone and read from nobody else") {
  const TemporaryFolder root;
  const std::string folder = root / "kept";
  ::setenv("TESSERA_DOCTOR_DIR", folder.c_str(), 1);
  ::setenv("TESSERA_TUNING_DIR", folder.c_str(), 1);
  const DeviceInfo device = made_up_device();
  const std::string verdict = store_verdict(device, {"wrong results"});
  CHECK(mode_of(folder) == 0700);
  CHECK(mode_of(verdict) == 0600);
  CHECK(load_verdict(device)->avoid == "wrong results");
  set_mode(verdict, 0666);
  CHECK_FALSE(load_verdict(device));
  fs::remove(verdict);
  const std::string tuning = store_tuning(device, {});
  CHECK(mode_of(tuning) == 0600);
  CHECK(stored_tuning(device)->problem == "");
  set_mode(tuning, 0666);
  CHECK(contains(stored_tuning(device)->problem, "is not read: it has mode 666"));
  write_file(tuning, {'['});
  set_mode(tuning, 0600);
  CHECK(stored_tuning(device)->problem == "it is not JSON (at byte 2)");
  const std::string deep(200000, '[');
  write_file(tuning, Bytes(deep.begin(), deep.end()));
  CHECK(stored_tuning(device)->problem == "it is nested deeper than 16");
  fs::rename(tuning, verdict);
  CHECK_FALSE(load_verdict(device));
  ::unsetenv("TESSERA_DOCTOR_DIR");
  ::unsetenv("TESSERA_TUNING_DIR");
}

}  // namespace tessera::tests
