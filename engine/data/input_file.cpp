#include "engine/data/input_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "engine/base/machine.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::uint64_t most_expansion = 1032;  // one byte of deflate expands to at most 1032 bytes
constexpr std::uint64_t honest_expansion = 4;
constexpr std::uint64_t trusted_bytes = 64
                                        << 20;  // decompressed only once, however small the file is

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InvalidFile(path, "no such file");
  if (!std::filesystem::is_regular_file(status)) throw InvalidFile(path, "not a regular file");
  disk_bytes_ = std::filesystem::file_size(path, error);
  if (error) throw InvalidFile(path, "cannot be read: " + error.message());
  errno = 0;
  file_.reset(gzopen(path.c_str(), "rb"));
  if (!file_) throw InvalidFile(path, fmt::format("cannot be opened: {}", std::strerror(errno)));
  gzbuffer(file_.get(), 1u << 17);
  is_packed_ = gzdirect(file_.get()) == 0;
}

std::size_t InputFile::read_some(std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(bytes.size() - done, 1u << 30));
    const int count = gzread(file_.get(), bytes.data() + done, wanted);
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR)
      throw InvalidFile(path_, "truncated: the compressed data ends too early");
    if (code == Z_ERRNO)
      throw InvalidFile(path_, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (count < 0) throw InvalidFile(path_, fmt::format("damaged compressed data: {}", message));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  position_ += done;
  return done;
}

void InputFile::read(std::span<std::uint8_t> bytes, const char* what) {
  const std::size_t count = read_some(bytes);
  if (count < bytes.size())
    throw InvalidFile(path_, fmt::format("truncated: found {} of the {} bytes of the {}", count,
                                         bytes.size(), what));
}

void InputFile::seek(std::uint64_t position) {
  if (gzseek(file_.get(), static_cast<z_off_t>(position), SEEK_SET) < 0)
    throw InvalidFile(path_, "cannot be read a second time");
  position_ = position;
}

std::uint64_t InputFile::count_rest(std::uint64_t most) {
  if (!is_packed_) return disk_bytes_ - std::min(disk_bytes_, position_);
  const std::uint64_t start = position_;
  std::vector<std::uint8_t> passing(1 << 17);
  while (position_ - start <= most && read_some(passing) == passing.size()) {
  }
  const std::uint64_t count = position_ - start;
  seek(start);
  return count;
}

void InputFile::check_claim(const Claim& claim, std::int64_t memory) {
  const auto& [bytes, decoded, shape] = claim;
  const std::uint64_t most = is_packed_ ? disk_bytes_ * most_expansion : disk_bytes_;
  if (!bytes || *bytes > most)
    throw InvalidFile(path_, "truncated or damaged: it is too small to hold " + shape);
  check_memory(decoded, memory);
  if (is_packed_ && *bytes < trusted_bytes) return;
  const std::uint64_t found = count_rest(*bytes);
  if (found < *bytes)
    throw InvalidFile(
        path_, fmt::format("truncated: found {} of the {} bytes of the elements", found, *bytes));
  if (found > *bytes)
    throw InvalidFile(path_, "has more bytes than its dimensions " + shape + " take");
}

void InputFile::check_end(const std::string& shape) {
  std::uint8_t more = 0;
  if (read_some({&more, 1}) != 0)
    throw InvalidFile(path_, "has more bytes than its dimensions " + shape + " take");
}

void InputFile::check_memory(std::uint64_t bytes, std::int64_t limit) const {
  const auto mib = [](std::uint64_t n) { return (n >> 20) + (n % (1 << 20) != 0); };
  const std::uint64_t most =
      std::max(static_cast<std::uint64_t>(limit), honest_expansion * disk_bytes_);
  if (bytes > most)
    throw OutOfMemory(path_, fmt::format("needs {} MiB ({} bytes) of memory when decoded, expected "
                                         "at most {} MiB; raise the limit with --data-memory",
                                         mib(bytes), bytes, most >> 20));
  const std::uint64_t memory = read_machine().memory_bytes;
  if (bytes > memory)
    throw OutOfMemory(path_,
                      fmt::format("needs {} MiB ({} bytes) of memory when decoded, the machine has "
                                  "{} MiB",
                                  mib(bytes), bytes, memory >> 20));
}

}  // namespace tessera::data
