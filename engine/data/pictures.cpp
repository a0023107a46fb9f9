#include "engine/data/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <set>

#include "engine/base/parallel.h"
#include "engine/data/memory_dataset.h"
#include "engine/data/picture.h"
#include "tessera/error.h"

namespace tessera {
namespace data {
namespace {

class Pictures : public ImageDataset {
 public:
  Pictures(PictureFiles files, std::vector<std::string> classes, const DatasetOptions& options,
           DataContents contents, bool needs_all)
      : files_(std::move(files)),
        classes_(std::move(classes)),
        contents_(std::move(contents)),
        size_{options.height, options.width, options.channels, options.crop,
              options.max_image_pixels} {
    check(size_);
    const std::set<std::int32_t> before(files_.labels.begin(), files_.labels.end());
    decode_all(options);
    if (needs_all && !skipped_.empty()) check_all_are_left(before);
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
  std::vector<std::string> notes() const override { return files_.notes; }
  std::vector<std::int32_t> labels() const override { return files_.labels; }
  DataContents contents() const override { return contents_; }

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
    try {
      pixels_.resize(kept_ * bytes);
    } catch (const std::bad_alloc&) {
      throw OutOfMemory("images",
                        fmt::format("not enough memory for {} images of {} bytes", kept_, bytes));
    }
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

  /// Removes skipped images and moves the others up.
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

  void check_all_are_left(std::set<std::int32_t> labels) const {
    for (const std::int32_t label : files_.labels) labels.erase(label);
    if (labels.empty()) return;
    const std::string& name = classes_.at(static_cast<std::size_t>(*labels.begin()));
    throw Error("data", fmt::format("no image of class {} can be read: {}", name, skipped_[0]));
  }

  PictureFiles files_;
  std::vector<std::string> classes_;
  DataContents contents_;
  PictureSize size_;
  std::size_t kept_ = 0;              ///< how many, from the first, are in memory
  std::vector<std::uint8_t> pixels_;  ///< [kept_,H,W,C]
  std::vector<std::string> skipped_;
};

}  // namespace

std::unique_ptr<ImageDataset> open_pictures(PictureFiles files, std::vector<std::string> classes,
                                            const DatasetOptions& options, DataContents contents,
                                            bool needs_all) {
  return std::make_unique<Pictures>(std::move(files), std::move(classes), options,
                                    std::move(contents), needs_all);
}

}  // namespace data

std::unique_ptr<ImageDataset> load_pictures(std::vector<std::string> paths,
                                            const DatasetOptions& options) {
  std::vector<std::int32_t> labels(paths.size(), 0);
  return data::open_pictures({std::move(paths), std::move(labels), {}}, {""}, options);
}

}  // namespace tessera
