// A file read from front to back, gzipped or not: zlib looks at the first bytes, not at the name.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <optional>
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
  /// Continues at byte `position` of the unpacked content.
  void seek(std::uint64_t position);
  /// In the unpacked content.
  std::uint64_t position() const { return position_; }

  const std::string& path() const { return path_; }
  /// The number of bytes from here to the end of the unpacked content, whose position stays. A
  /// compressed file is unpacked for that, without keeping it, up to `most` bytes: returns a larger
  /// number when there are more.
  std::uint64_t count_rest(std::uint64_t most);
  /// What a header says of the elements that follow it.
  struct Claim {
    std::optional<std::uint64_t> bytes;  ///< none: more than a file can have
    std::uint64_t decoded;               ///< bytes of memory for what they become
    std::string shape;
  };
  /// Throws Error unless there is memory for them (see check_memory) and exactly so many bytes
  /// follow. Needs no memory itself. Compressed content below 64 MiB is counted only as it is read;
  /// see check_end.
  void check_claim(const Claim& claim, std::int64_t memory);
  /// Throws Error when anything is left; `shape` as above.
  void check_end(const std::string& shape);
  /// Throws Error when `bytes` of decoded images are more than `limit`, unless the file itself has
  /// a quarter of that, or more than the machine has. Call it before the memory is allocated.
  void check_memory(std::uint64_t bytes, std::int64_t limit) const;

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  std::string path_;
  std::uint64_t disk_bytes_ = 0;
  bool is_packed_ = false;
  std::uint64_t position_ = 0;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace tessera::data
