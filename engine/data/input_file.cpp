#include "engine/data/input_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tessera/error.h"

namespace tessera::data {

// One byte of deflate stands for 1032 bytes at most.
constexpr std::uint64_t most_expansion = 1032;

InputFile::InputFile(const std::string& path) : path_(path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw Error(path, "no such file");
  if (!std::filesystem::is_regular_file(status)) throw Error(path, "not a regular file");
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw Error(path, "cannot be read: " + error.message());
  errno = 0;
  file_.reset(gzopen(path.c_str(), "rb"));
  if (!file_) throw Error(path, fmt::format("cannot be opened: {}", std::strerror(errno)));
  gzbuffer(file_.get(), 1u << 17);
  most_bytes_ = gzdirect(file_.get()) ? size : size * most_expansion;
}

std::size_t InputFile::read_some(std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(bytes.size() - done, 1u << 30));
    const int count = gzread(file_.get(), bytes.data() + done, wanted);
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) throw Error(path_, "truncated: the compressed data ends too early");
    if (code == Z_ERRNO)
      throw Error(path_, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (count < 0) throw Error(path_, fmt::format("damaged compressed data: {}", message));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void InputFile::read(std::span<std::uint8_t> bytes, const char* what) {
  const std::size_t count = read_some(bytes);
  if (count < bytes.size())
    throw Error(path_, fmt::format("truncated: found {} of the {} bytes of the {}", count,
                                   bytes.size(), what));
}

}  // namespace tessera::data
