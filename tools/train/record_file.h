// Files of TensorFlow's TFRecord format, which TensorBoard reads: each record stands between its
// length and checksums.
#pragma once

#include <fstream>
#include <string>
#include <string_view>

namespace tessera::tools {

class RecordFile {
 public:
  /// A new file. Throws Error that names it when it cannot be written.
  explicit RecordFile(const std::string& path);
  /// The record is in the file on return. Throws Error when it cannot be written.
  void write(std::string_view record);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace tessera::tools
