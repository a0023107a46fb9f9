// Limits of control groups, from a file system that looks like the one of Linux.
#include "engine/base/control_group.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/data/temporary_folder.h"

namespace tessera {
namespace {

constexpr std::uint64_t MiB = 1 << 20;

class FakeSystem {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  /// Version 1: each controller is mounted by itself.
  void mount_v1(const std::string& root = "/") const {
    write("proc/self/mountinfo",
          "25 20 0:22 / /proc rw - proc proc rw\n"
          "35 31 0:32 " +
              root +
              " /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
              "32 31 0:29 " +
              root +
              " /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
              "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  }
  void mount_v2(const std::string& root = "/") const {
    write("proc/self/mountinfo",
          "29 22 0:26 " + root + " /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  GroupLimits limits() const { return read_group_limits(folder_.path()); }

 private:
  tests::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("version 1 limits memory and processors, in the group or above it") {
  FakeSystem system;
  system.mount_v1();
  system.write("proc/self/cgroup", "4:memory:/a/b\n2:cpu,cpuacct:/a\n1:name=systemd:/\n0::/\n");
  CHECK_FALSE(system.limits().memory_bytes.has_value());
  system.write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  system.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n");
  CHECK(system.limits().memory_bytes == 1024 * MiB);
  system.write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "536870912\n");
  CHECK(system.limits().memory_bytes == 512 * MiB);
  system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  CHECK(system.limits().memory_bytes == 256 * MiB);
  system.write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  system.write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(system.limits().processors.has_value());
  system.write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
  CHECK(system.limits().processors == 1.5);
}

TEST_CASE("version 2 limits memory and processors, in the group or above it") {
  FakeSystem system;
  system.mount_v2();
  system.write("proc/self/cgroup", "0::/user.slice/run.scope\n");
  system.write("sys/fs/cgroup/user.slice/run.scope/memory.max", "max\n");
  system.write("sys/fs/cgroup/user.slice/run.scope/cpu.max", "max 100000\n");
  CHECK_FALSE(system.limits().memory_bytes.has_value());
  CHECK_FALSE(system.limits().processors.has_value());
  system.write("sys/fs/cgroup/user.slice/memory.max", "104857600\n");
  system.write("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n");
  CHECK(system.limits().memory_bytes == 100 * MiB);
  CHECK(system.limits().processors == 0.5);
}

TEST_CASE("in a container what is mounted is the group") {
  for (const char* root : {"/docker/1234", "/"}) {
    FakeSystem system;
    system.mount_v1(root);
    system.write("proc/self/cgroup", "4:memory:/docker/1234\n");
    system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n");
    CHECK(system.limits().memory_bytes == 100 * MiB);
  }
}

TEST_CASE("what is no group or no number limits nothing") {
  FakeSystem system;
  CHECK_FALSE(system.limits().memory_bytes.has_value());
  system.write("proc/self/mountinfo", "x\n1 2\n- - - -\n35 31 0:32 / /sys - cgroup\n");
  system.write("proc/self/cgroup", "memory\n\n::::\n");
  CHECK_FALSE(system.limits().memory_bytes.has_value());
  system.mount_v1();
  system.write("proc/self/cgroup", "4:memory:/\n");
  for (const char* text : {"", "-1", "0", "many", "99999999999999999999"}) {
    system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", text);
    CHECK_FALSE(system.limits().memory_bytes.has_value());
  }
}

}  // namespace tessera
