// Files in TensorFlow's TFRecord format, which TensorBoard reads: each record has its length and
// checksums.
#pragma once

#include <fstream>
#include <string>
#include <string_view>

namespace tessera::tools {

class RecordFile {
 public:
  /// Creates a file. Throws Error that names a file that cannot be written.
  explicit RecordFile(const std::string& path);
  /// Writes a record to the file. Throws Error if that fails.
  void write(std::string_view record);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace tessera::tools
