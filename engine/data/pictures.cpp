#include "engine/data/pictures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "engine/data/memory_dataset.h"
#include "engine/parallel.h"
#include "tessera/error.h"

namespace tessera {
namespace data {
namespace {

namespace fs = std::filesystem;

class Pictures : public Dataset {
 public:
  Pictures(PictureFiles files, std::vector<std::string> classes, const DatasetOptions& options)
      : files_(std::move(files)),
        classes_(std::move(classes)),
        size_{options.height, options.width, options.channels} {
    check(size_);
    decode_all(options);
  }

  std::int64_t size() const override { return std::ssize(files_.paths); }
  std::int64_t height() const override { return size_.height; }
  std::int64_t width() const override { return size_.width; }
  std::int64_t channels() const override { return size_.channels; }
  const std::vector<std::string>& classes() const override { return classes_; }
  bool is_slow() const override { return kept_ < files_.paths.size(); }
  std::string file_of(std::int64_t index) const override {
    return files_.paths.at(static_cast<std::size_t>(index));
  }
  std::vector<std::string> skipped() const override { return skipped_; }

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    check_read(*this, index, pixels);
    const auto i = static_cast<std::size_t>(index);
    if (i < kept_)
      std::copy_n(pixels_.begin() + index * image_bytes(), image_bytes(), pixels.begin());
    else
      read_picture(files_.paths[i], size_, pixels);
    return files_.labels[i];
  }

 private:
  void decode_all(const DatasetOptions& options) {
    const std::size_t count = files_.paths.size();
    const auto bytes = static_cast<std::size_t>(size_.bytes());
    kept_ = std::min(count,
                     static_cast<std::size_t>(std::max<std::int64_t>(0, options.memory)) / bytes);
    pixels_.resize(kept_ * bytes);
    std::vector<std::string> problems(count);
    parallel_for(count, [&](std::size_t i) {
      std::vector<std::uint8_t> passing(i < kept_ ? 0 : bytes);
      const auto to = i < kept_ ? std::span(pixels_).subspan(i * bytes, bytes) : std::span(passing);
      try {
        read_picture(files_.paths[i], size_, to);
      } catch (const Error& error) {
        if (!options.skip_bad) throw;
        problems[i] = error.what();
      }
    });
    leave_out(problems, bytes);
  }

  /// Moves the others up.
  void leave_out(std::vector<std::string>& problems, std::size_t bytes) {
    std::size_t to = 0, kept = 0;
    for (std::size_t from = 0; from < problems.size(); ++from) {
      if (!problems[from].empty()) {
        skipped_.push_back(std::move(problems[from]));
        continue;
      }
      if (to != from) {
        files_.paths[to] = std::move(files_.paths[from]);
        files_.labels[to] = files_.labels[from];
        if (from < kept_)
          std::copy_n(pixels_.data() + from * bytes, bytes, pixels_.data() + to * bytes);
      }
      ++to;
      kept += from < kept_;
    }
    files_.paths.resize(to);
    files_.labels.resize(to);
    kept_ = kept;
    pixels_.resize(kept_ * bytes);
  }

  PictureFiles files_;
  std::vector<std::string> classes_;
  PictureSize size_;
  std::size_t kept_ = 0;              ///< how many, from the first, are in memory
  std::vector<std::uint8_t> pixels_;  ///< [kept_,H,W,C]
  std::vector<std::string> skipped_;
};

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view known[] = {".png", ".jpg", ".jpeg", ".pgm", ".ppm"};
  return !is_hidden(path) &&
         std::find(std::begin(known), std::end(known), extension) != std::end(known);
}

/// The names of the folders in a folder, in order.
std::vector<std::string> folders_in(const std::string& folder) {
  std::vector<std::string> names;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
      if (entry.is_directory() && !is_hidden(entry.path()))
        names.push_back(entry.path().filename().string());
  } catch (const fs::filesystem_error& error) {
    throw Error(folder, "cannot be read: " + error.code().message());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::unique_ptr<Dataset> open_pictures(PictureFiles files, std::vector<std::string> classes,
                                       const DatasetOptions& options) {
  return std::make_unique<Pictures>(std::move(files), std::move(classes), options);
}

PictureFiles find_classes(const std::string& folder, std::vector<std::string>& classes) {
  const std::vector<std::string> names = folders_in(folder);
  if (names.empty()) throw Error(folder, "has no folders, expected one for each class");
  if (classes.empty()) classes = names;
  PictureFiles files;
  std::vector<std::string> unknown;
  for (const std::string& name : names) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end()) unknown.push_back(name);
    const auto label = static_cast<std::int32_t>(found - classes.begin());
    for (std::string& path : find_pictures((fs::path(folder) / name).string())) {
      files.paths.push_back(std::move(path));
      files.labels.push_back(label);
    }
  }
  if (!unknown.empty())
    throw Error(folder, fmt::format("has folders of no known class: {}; the classes are {}",
                                    fmt::join(unknown, ", "), fmt::join(classes, ", ")));
  if (files.paths.empty())
    throw Error(folder, "has no pictures in its folders, expected PNG, JPEG, PGM or PPM files");
  return files;
}

}  // namespace data

std::vector<std::string> find_pictures(const std::string& folder) {
  std::vector<std::string> paths;
  try {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && data::is_picture(entry.path()))
        paths.push_back(entry.path().string());
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(folder, "cannot be read: " + error.code().message());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::unique_ptr<Dataset> load_pictures(std::vector<std::string> paths,
                                       const DatasetOptions& options) {
  std::vector<std::int32_t> labels(paths.size(), 0);
  return data::open_pictures({std::move(paths), std::move(labels)}, {""}, options);
}

}  // namespace tessera
