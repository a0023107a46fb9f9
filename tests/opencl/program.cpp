// Programs: what is cached where, what happens to bad entries, and what a failed build says.
#include "backends/opencl/programs/program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>

#include "backends/opencl/programs/kernel_source.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

namespace fs = std::filesystem;

/// How many programs are built from source when a fresh process would use this folder.
int builds(OpenclDevice& device, const std::string& folder) {
  ProgramCache cache(device.context(), device.cl_device(), DiskCache(folder));
  cache.kernel("record.cl", Defines(), "record");
  cache.kernel("record.cl", Defines(), "record");
  return cache.built_from_source();
}

fs::path only_entry(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  REQUIRE(entries.size() == 1);
  return entries[0];
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string build_message(OpenclDevice& device) {
  ProgramCache cache(device.context(), device.cl_device(), DiskCache(""));
  try {
    cache.kernel("record.cl", Defines().set("V", 8), "record");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a program is built once and then read from the disk") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder;
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 0);
    // Other macros are another program.
    ProgramCache cache(device->context(), device->cl_device(), DiskCache(folder.path()));
    cache.kernel("record.cl", Defines().set("V", 8), "record");
    CHECK(cache.built_from_source() == 1);
  }
}

TEST_CASE("a bad entry on the disk is built again and replaced") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder;
    CHECK(builds(*device, folder.path()) == 1);
    const fs::path entry = only_entry(folder.path());
    const std::string good = read_file(entry);
    std::string flipped = good;
    flipped[flipped.size() / 2] ^= 1;
    for (const std::string& bad :
         {std::string(), good.substr(0, 10), good.substr(0, good.size() / 2), good + "x", flipped,
          std::string(1000, 'x')}) {
      write_file(entry, bad);
      CHECK(builds(*device, folder.path()) == 1);
      CHECK(builds(*device, folder.path()) == 0);
    }
    // A well-formed entry with something that is no binary.
    const std::string key = entry.stem();
    DiskCache(folder.path()).store(key, std::vector<unsigned char>(500, 7));
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 0);
  }
}

TEST_CASE("an entry with another program is built again and replaced") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder, other_folder;
    CHECK(builds(*device, folder.path()) == 1);
    const fs::path entry = only_entry(folder.path());
    ProgramCache other(device->context(), device->cl_device(), DiskCache(other_folder.path()));
    other.kernel("probe.cl", Defines(), "probe");
    const fs::path other_entry = only_entry(other_folder.path());
    fs::copy_file(other_entry, entry, fs::copy_options::overwrite_existing);
    CHECK(!DiskCache(folder.path()).load(entry.stem()));
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 0);
    // Even one that says it is the right one.
    const auto binary = DiskCache(other_folder.path()).load(other_entry.stem());
    REQUIRE(binary);
    DiskCache(folder.path()).store(entry.stem(), *binary);
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 0);
  }
}

TEST_CASE("what interrupted stores left behind goes after a day") {
  const TemporaryFolder folder;
  const DiskCache cache(folder.path());
  const std::string key = DiskCache::key("some program");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(25);
  const fs::path leftover = folder.path() / (key + ".bin.123.0badcafe"),
                 fresh = folder.path() / (key + ".bin.124.0badcafe"),
                 foreign = folder.path() / "notes.bin.txt",
                 entry = folder.path() / (DiskCache::key("another") + ".bin");
  for (const fs::path& path : {leftover, fresh, foreign, entry}) {
    write_file(path, "x");
    if (path != fresh) fs::last_write_time(path, old);
  }
  cache.store(key, {1, 2, 3});
  CHECK(!fs::exists(leftover));
  for (const fs::path& path : {fresh, foreign, entry}) CHECK_MESSAGE(fs::exists(path), path);
  CHECK(cache.load(key) == std::vector<unsigned char>{1, 2, 3});
}

TEST_CASE("no folder to write to is no error") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder;
    write_file(folder.path() / "file", "");
    const std::string unusable = folder.path() / "file" / "cache";
    CHECK(builds(*device, unusable) == 1);
    CHECK(builds(*device, unusable) == 1);
    CHECK(builds(*device, "") == 1);
  }
}

TEST_CASE("a folder that others can write to is no cache") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder;
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 0);
    fs::permissions(folder.path(), fs::perms::all);
    CHECK(builds(*device, folder.path()) == 1);
    CHECK(builds(*device, folder.path()) == 1);
  }
}

TEST_CASE("an entry that others can have written is not run, and those stored are ours alone") {
  const TemporaryFolder root;
  const DiskCache cache((root.path() / "cache").string());
  const std::string key = DiskCache::key("text");
  const fs::path entry = fs::path(cache.folder()) / (key + ".bin");
  cache.store(key, {1, 2, 3});
  const auto mode = [](const fs::path& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  };
  CHECK(mode(entry) == 0600);
  CHECK(mode(cache.folder()) == 0700);
  CHECK(cache.load(key).has_value());
  fs::permissions(entry, fs::perms(0666));
  CHECK_FALSE(cache.load(key).has_value());
  fs::permissions(entry, fs::perms(0600));
  fs::permissions(cache.folder(), fs::perms(0775));
  CHECK_FALSE(cache.load(key).has_value());
  CHECK(DiskCache(cache.folder()).folder().empty());
  fs::permissions(cache.folder(), fs::perms(0700));
  fs::rename(entry, entry.string() + ".moved");
  fs::create_symlink(entry.string() + ".moved", entry);
  CHECK_FALSE(cache.load(key).has_value());
}

TEST_CASE("nothing is stored for a driver that keeps programs by itself") {
  for (const std::string& id : usable_ids())
    for (bool keeps_programs : {false, true}) {
      const TemporaryFolder folder;
      const Setting cache("TESSERA_CACHE_DIR", folder.path());
      const auto device = open_opencl(id);
      Traits traits = device->traits();
      traits.keeps_programs = keeps_programs;
      OpenclDevice(device->cl_device(), device->info(), traits).probe();
      CHECK(fs::is_empty(folder.path()) == keeps_programs);
    }
}

TEST_CASE("source, log and binary of each program are kept for reading") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder cache, folder;
    const Setting setting("TESSERA_PROGRAM_DIR", folder.path() / "programs");
    for (int round = 0; round < 2; ++round) {  // built, then loaded
      fs::remove_all(folder.path() / "programs");
      CHECK(builds(*device, cache.path()) == 1 - round);
      std::map<std::string, std::string> files;
      for (const auto& entry : fs::directory_iterator(folder.path() / "programs")) {
        CHECK(entry.path().filename().string().starts_with("record-"));
        files[entry.path().extension()] = read_file(entry.path());
      }
      CHECK(files.size() == 3);
      CHECK(files[".cl"] == kernel_source("record.cl"));
      CHECK(files[".log"].find(device->info().name) != std::string::npos);
      CHECK(files[".log"].find("-cl-std=CL1.2") != std::string::npos);
      CHECK_FALSE(files[".bin"].empty());
    }
    write_file(folder.path() / "file", "");
    const Setting unwritable("TESSERA_PROGRAM_DIR", folder.path() / "file/programs");
    CHECK_THROWS_WITH_AS(builds(*device, cache.path()), doctest::Contains("TESSERA_PROGRAM_DIR is"),
                         Error);
  }
}

TEST_CASE("the cache folder comes from the environment") {
  const Setting cache("TESSERA_CACHE_DIR", "/somewhere");
  CHECK(DiskCache::default_folder() == "/somewhere");
}

TEST_CASE("a failed build names file, line, macros and device") {
  const TemporaryFolder folder;
  for (const KernelFile& file : embedded_kernel_files())
    write_file(folder.path() / file.name, std::string(file.text));
  const Setting setting("TESSERA_KERNEL_DIR", folder.path());
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    CHECK(build_message(*device) == "no error");
    const std::string kernel = read_file(folder.path() / "record.cl");
    const auto lines = std::count(kernel.begin(), kernel.end(), '\n');
    write_file(folder.path() / "record.cl", kernel + "int f() { return undeclared; }\n");
    const std::string message = build_message(*device);
    CAPTURE(message);
    CHECK(message.starts_with(fmt::format("[record.cl:{}] ", lines + 1)));
    CHECK(message.find("-D V=8") != message.npos);
    ProgramCache cache(device->context(), device->cl_device(), DiskCache(""));
    CHECK_THROWS_AS(cache.kernel("record.cl", Defines().set("V", 8), "record"), BuildFailure);
    CHECK(message.find("undeclared") != message.npos);
    CHECK(message.find(device->cl_device().getInfo<CL_DEVICE_NAME>()) != message.npos);
    // A warning before it is not the place.
    write_file(folder.path() / "record.cl",
               kernel + "int g(int x) { if (x = 1) return 2; return x; }\n\n" +
                   "int f() { return undeclared; }\n");
    CHECK(build_message(*device).starts_with(fmt::format("[record.cl:{}] ", lines + 3)));
    write_file(folder.path() / "record.cl", kernel);

    const std::string common = read_file(folder.path() / "common.h");
    write_file(folder.path() / "common.h", "#error broken\n" + common);
    CHECK(build_message(*device).starts_with("[common.h:1] "));
    write_file(folder.path() / "common.h", "#include \"common.h\"\n" + common);
    CHECK(build_message(*device).find("'common.h' is included more than") != std::string::npos);
    write_file(folder.path() / "common.h", common);
    fs::remove(folder.path() / "record.cl");
    CHECK(build_message(*device) == "no error");  // that of the library
    write_file(folder.path() / "record.cl", kernel);
  }
}

TEST_CASE("a kernel folder that does not exist is refused") {
  const TemporaryFolder folder;
  const Setting setting("TESSERA_KERNEL_DIR", folder.path() / "none");
  for (const std::string& id : usable_ids())
    CHECK(build_message(*open_opencl(id)).find("expected a folder") != std::string::npos);
}

TEST_CASE("programs prepared together are those that are built one by one") {
  const std::vector<ProgramCache::Name> names = {{"record.cl", ""},       {"probe.cl", ""},
                                                 {"record.cl", "-D V=8"}, {"cast.cl", ""},
                                                 {"record.cl", ""},       {"dropout.cl", ""}};
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const TemporaryFolder folder;
    for (int from_source : {5, 0}) {  // the second time from the disk
      ProgramCache cache(device->context(), device->cl_device(), DiskCache(folder.path()));
      cache.prepare(names);
      CHECK(cache.built_from_source() == from_source);
      CHECK(cache.asked().empty());
      cache.kernel("record.cl", Defines().set("V", 8), "record");
      cache.kernel("dropout.cl", Defines(), "dropout");
      CHECK(cache.built_from_source() == from_source);
      CHECK(cache.asked().size() == 2);
    }
  }
}

TEST_CASE("of programs prepared together the first one that does not build is reported") {
  const TemporaryFolder folder;
  for (const KernelFile& file : embedded_kernel_files())
    write_file(folder.path() / file.name, std::string(file.text));
  for (const char* broken : {"record.cl", "cast.cl"})
    write_file(folder.path() / broken, "int f() { return undeclared; }\n");
  const Setting setting("TESSERA_KERNEL_DIR", folder.path());
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    ProgramCache cache(device->context(), device->cl_device(), DiskCache(""));
    const std::string expected = build_message(*device);
    REQUIRE(expected.starts_with("[record.cl:1] "));
    for (int time = 0; time < 3; ++time) {
      std::string message;
      try {
        cache.prepare(
            {{"probe.cl", ""}, {"record.cl", "-D V=8"}, {"dropout.cl", ""}, {"cast.cl", ""}});
      } catch (const Error& error) {
        message = error.what();
      }
      CHECK(message == expected);
    }
    CHECK_NOTHROW(cache.kernel("probe.cl", Defines(), "probe"));
  }
}

TEST_CASE("every kernel file builds without macros") {
  const TemporaryFolder folder;
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    for (const KernelFile& file : embedded_kernel_files()) {
      if (!file.name.ends_with(".cl")) continue;
      cl::Program program(device->context(), kernel_source(file.name));
      CHECK_NOTHROW_MESSAGE(program.build("-cl-std=CL1.2 -Werror"), file.name);
    }
  }
}

}  // namespace tessera::opencl
