// A file read from front to back, gzipped or not: zlib looks at the first bytes, not at the name.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tessera::data {

class InputFile {
 public:
  /// Throws Error when the file cannot be opened or is not a regular file.
  explicit InputFile(const std::string& path);

  /// Fills `bytes` as far as the file goes and returns how many there were. Throws Error when the
  /// file cannot be read or its compression is damaged or cut short.
  std::size_t read_some(std::span<std::uint8_t> bytes);
  /// Fills `bytes`; throws Error when the file ends before.
  void read(std::span<std::uint8_t> bytes, const char* what);

  const std::string& path() const { return path_; }
  /// The most bytes that the file can hold when unpacked. Sizes found in headers are held against
  /// it before memory is allocated for them.
  std::uint64_t most_bytes() const { return most_bytes_; }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  std::string path_;
  std::uint64_t most_bytes_ = 0;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace tessera::data
