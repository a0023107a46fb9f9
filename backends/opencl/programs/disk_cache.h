// Compiled programs on disk: one file per key, in TESSERA_CACHE_DIR, else $XDG_CACHE_HOME/tessera,
// else ~/.cache/tessera. An unusable folder, or one that others can write to, is no cache, and an
// entry that is bad, or that others could have written, is no entry.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::opencl {

class DiskCache {
 public:
  /// The folder that the environment names; empty when there is none.
  static std::string default_folder();
  explicit DiskCache(std::string folder = default_folder()) noexcept;

  /// 32 hexadecimal digits that stand for `text`.
  static std::string key(std::string_view text);

  std::optional<std::vector<unsigned char>> load(const std::string& key) const noexcept;
  /// Also removes what interrupted stores left behind more than a day ago.
  void store(const std::string& key, const std::vector<unsigned char>& bytes) const noexcept;

  const std::string& folder() const { return folder_; }

 private:
  std::string path(const std::string& key) const;
  std::optional<std::vector<unsigned char>> read(const std::string& key) const;
  void write(const std::string& key, const std::vector<unsigned char>& bytes) const;
  void remove_leftovers() const;

  std::string folder_;  ///< empty: no cache
};

}  // namespace tessera::opencl
