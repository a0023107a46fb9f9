#include "backends/opencl/disk_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "engine/user_folder.h"

namespace tessera::opencl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_digits = 32;

struct Header {
  std::array<char, 8> magic = {'T', 'S', 'R', 'P', 'R', 'O', 'G', '2'};
  std::array<char, key_digits> key = {};
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;
};

Header header_of(const std::string& key, const std::vector<unsigned char>& bytes) {
  Header header;
  key.copy(header.key.data(), header.key.size());
  header.bytes = bytes.size();
  header.checksum = XXH3_64bits(bytes.data(), bytes.size());
  return header;
}

/// A binary is code: what others may put there is not run.
bool is_trusted(const std::string& folder) noexcept {
  struct stat found = {};
  return ::stat(folder.c_str(), &found) == 0 && (found.st_mode & S_IWOTH) == 0 &&
         (found.st_uid == ::geteuid() || found.st_uid == 0);
}

}  // namespace

std::string DiskCache::default_folder() {
  return user_folder("TESSERA_CACHE_DIR", "XDG_CACHE_HOME", ".cache");
}

DiskCache::DiskCache(std::string folder) noexcept : folder_(std::move(folder)) {
  try {
    if (!folder_.empty()) fs::create_directories(folder_);
  } catch (...) {
    folder_.clear();
  }
  if (!is_trusted(folder_)) folder_.clear();
}

std::string DiskCache::key(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string DiskCache::path(const std::string& key) const { return folder_ + "/" + key + ".bin"; }

std::optional<std::vector<unsigned char>> DiskCache::load(const std::string& key) const noexcept {
  try {
    return read(key);
  } catch (...) {
    return {};
  }
}

void DiskCache::store(const std::string& key,
                      const std::vector<unsigned char>& bytes) const noexcept {
  try {
    write(key, bytes);
    remove_leftovers();
  } catch (...) {  // the next process builds from source again
  }
}

std::optional<std::vector<unsigned char>> DiskCache::read(const std::string& key) const {
  if (folder_.empty()) return {};
  std::ifstream file(path(key), std::ios::binary);
  Header found;
  if (!file.read(reinterpret_cast<char*>(&found), sizeof found)) return {};
  std::vector<unsigned char> bytes{std::istreambuf_iterator<char>(file), {}};
  const Header expected = header_of(key, bytes);
  if (std::memcmp(&found, &expected, sizeof found) != 0) return {};
  return bytes;
}

void DiskCache::write(const std::string& key, const std::vector<unsigned char>& bytes) const {
  if (folder_.empty()) return;
  // Readers see the old entry or the new one: a rename replaces in one step.
  const std::string temporary =
      fmt::format("{}.{}.{:08x}", path(key), ::getpid(), std::random_device()());
  const Header header = header_of(key, bytes);
  std::ofstream file(temporary, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&header), sizeof header);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (file) fs::rename(temporary, path(key), error);
  if (!file || error) fs::remove(temporary, error);
}

void DiskCache::remove_leftovers() const {
  if (folder_.empty()) return;
  const auto oldest = fs::file_time_type::clock::now() - std::chrono::hours(24);
  std::error_code error;  // others may remove them at the same time
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().find(".bin.") == key_digits &&
        entry.last_write_time(error) < oldest && !error)
      fs::remove(entry.path(), error);
}

}  // namespace tessera::opencl
