// A sequential reader of plain or gzipped files; zlib checks the first bytes, not the name.
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
  /// Opens a file. Throws Error if it cannot be opened or is not a regular file.
  explicit InputFile(const std::string& path);

  /// Fills `bytes` up to the end of the file and returns the number of bytes. Throws Error if the
  /// file cannot be read, or if its compressed data is damaged or truncated.
  std::size_t read_some(std::span<std::uint8_t> bytes);
  /// Fills `bytes`. Throws Error if the file ends earlier.
  void read(std::span<std::uint8_t> bytes, const char* what);
  /// Continues at byte `position` of the decompressed content.
  void seek(std::uint64_t position);
  /// Returns the position in the decompressed content.
  std::uint64_t position() const { return position_; }

  const std::string& path() const { return path_; }
  /// Returns the number of bytes from here to the end of the decompressed content; the position
  /// stays. Decompresses up to `most` bytes without storing them; returns a larger number if there
  /// are more.
  std::uint64_t count_rest(std::uint64_t most);
  /// The elements that a header declares.
  struct Claim {
    std::optional<std::uint64_t> bytes;  ///< none: more than a file can have
    std::uint64_t decoded;               ///< bytes of memory after decoding
    std::string shape;
  };
  /// Throws Error unless there is memory for them (see check_memory) and exactly so many bytes
  /// follow. Needs no memory itself. Compressed content below 64 MiB is counted only while it is
  /// read; see check_end.
  void check_claim(const Claim& claim, std::int64_t memory);
  /// Throws Error if any bytes are left; `shape` as above.
  void check_end(const std::string& shape);
  /// Throws Error if `bytes` of decoded images exceed `limit`, unless the file itself has at least
  /// a quarter of them, or exceed the memory of the machine. Call it before the memory is
  /// allocated.
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
