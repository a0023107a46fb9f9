#include "backends/opencl/programs/disk_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/files/private_file.h"
#include "engine/files/user_folder.h"

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

}  // namespace

std::string DiskCache::default_folder() {
  return user_folder("TESSERA_CACHE_DIR", "XDG_CACHE_HOME", ".cache");
}

DiskCache::DiskCache(std::string folder) noexcept : folder_(std::move(folder)) {
  try {
    if (folder_.empty()) return;
    make_private_folder(folder_);
    // A binary is code: what others may put there is not run.
    if (!distrust_of_folder(folder_).empty()) folder_.clear();
  } catch (...) {
    folder_.clear();
  }
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
  constexpr std::size_t most_bytes = std::size_t{1} << 28;
  const auto text = read_private_file(path(key), most_bytes);
  Header found;
  if (!text || text->size() < sizeof found) return {};
  std::memcpy(&found, text->data(), sizeof found);
  std::vector<unsigned char> bytes(text->begin() + sizeof found, text->end());
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
  // O_EXCL: no link that stands there is followed.
  const int created =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private_mode);
  if (created < 0) return;
  ::close(created);
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
