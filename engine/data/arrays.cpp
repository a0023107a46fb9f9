#include "engine/data/arrays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/data/csv.h"
#include "engine/data/label_names.h"
#include "engine/data/npy.h"
#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int32_t most_classes = 1 << 16;
constexpr std::uint8_t nearly_black = 32;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Returns the arrays in a folder, for a message.
std::string arrays_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string extension = entry->path().extension().string();
    if (extension == ".npy" || extension == ".npz")
      names.push_back(shown(entry->path().filename().string()));
  }
  std::sort(names.begin(), names.end());
  if (names.size() > 6) names.resize(6);
  return names.empty() ? "" : fmt::format("; found {}", fmt::join(names, ", "));
}

Images read_npy_folder(const fs::path& folder, const ReadOptions& options) {
  const fs::path x = folder / "x.npy", y = folder / "y.npy";
  std::error_code ignored;
  if (folder.extension() == ".npz")
    throw InvalidFile(
        folder.string(),
        "is an archive, expected a folder with x.npy and y.npy; unzip it and rename its arrays");
  if (!fs::is_directory(folder, ignored))
    throw InvalidFile(folder.string(), "is not a folder, expected a folder with x.npy and y.npy");
  if (!is_there(x) || !is_there(y))
    throw InvalidFile(folder.string(),
                      fmt::format("has no {}, expected x.npy (images) and y.npy (labels){}",
                                  is_there(x) ? "y.npy" : "x.npy", arrays_in(folder)));
  return read_npy(x.string(), y.string(), options);
}

/// Throws Error unless each label is below `classes`.
void check_labels(const std::string& path, const Images& images, std::int64_t classes) {
  const auto [least, most] = std::minmax_element(images.labels.begin(), images.labels.end());
  for (std::size_t i = 0; i < images.labels.size(); ++i)
    if (images.labels[i] < 0 || images.labels[i] >= classes)
      throw InvalidFile(
          path, fmt::format(
                    "label {} of image {} is out of range, expected 0 to {}{}", images.labels[i], i,
                    classes - 1,
                    *least == 1 && *most == classes ? "; if labels count from 1, subtract 1" : ""));
}

Images read(ArrayFormat format, const fs::path& path, const DatasetOptions& options) {
  const ReadOptions read{options.height, options.width, options.channels, options.memory};
  Images images =
      format == ArrayFormat::npy ? read_npy_folder(path, read) : read_csv(path.string(), read);
  check_labels(path.string(), images, most_classes);
  return images;
}

/// Returns the class names: the words of the labels, or numbers.
std::vector<std::string> own_classes(const Images& images) {
  if (!images.names.empty()) return images.names;
  std::vector<std::string> names;
  const std::int32_t last = *std::max_element(images.labels.begin(), images.labels.end());
  for (std::int32_t i = 0; i <= last; ++i) names.push_back(fmt::format("{}", i));
  return names;
}

/// Returns a note about classes without images, which labels from 1 or with gaps cause.
std::string empty_classes(const Images& images, const std::vector<std::string>& classes) {
  std::vector<bool> has_images(classes.size());
  for (std::int32_t label : images.labels) has_images[static_cast<std::size_t>(label)] = true;
  std::vector<std::string> empty;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (!has_images[i]) empty.push_back(fmt::format("'{}'", shown(classes[i])));
  if (empty.empty()) return {};
  const auto [least, most] = std::minmax_element(images.labels.begin(), images.labels.end());
  const bool is_from_one = *least == 1 && empty.size() == 1;
  const std::size_t count = empty.size();
  if (count > 5) empty.resize(5);
  return fmt::format("labels go from {} to {}: {} of {} classes {} no images, {}{}{}", *least,
                     *most, count, classes.size(), count == 1 ? "has" : "have",
                     fmt::join(empty, ", "), count > 5 ? ", ..." : "",
                     is_from_one ? "; if labels count from 1, subtract 1" : "");
}

/// Adds notes about suspicious images.
void add_notes(const std::string& path, Images& images, const std::vector<std::string>& classes) {
  const auto add = [&](const std::string& note) {
    images.notes.push_back(fmt::format("[{}] {}", path, note));
  };
  const std::string empty = empty_classes(images, classes);
  if (!empty.empty()) add(empty);
  if (images.labels.size() >= 20 && 2 * classes.size() > images.labels.size())
    add(fmt::format("has {} classes for {} images: are these the labels?", classes.size(),
                    images.labels.size()));
  if (std::all_of(images.pixels.begin(), images.pixels.end(),
                  [](std::uint8_t pixel) { return pixel < nearly_black; }))
    add(fmt::format("the brightest pixel is {} of 255: all images are nearly black",
                    *std::max_element(images.pixels.begin(), images.pixels.end())));
}

}  // namespace

Arrays read_arrays(ArrayFormat format, const fs::path& path, const fs::path& train,
                   const fs::path& folder, const DatasetOptions& options) {
  Arrays arrays{read(format, path, options), options.classes};
  Images& images = arrays.images;
  std::vector<std::string>& classes = arrays.classes;
  const bool is_first = classes.empty() && (train.empty() || train == path);
  const bool has_words = !images.names.empty();
  if (classes.empty() && is_there(folder / "classes.txt")) {
    classes = read_class_names((folder / "classes.txt").string());
  } else if (classes.empty()) {
    const Images other = is_first ? Images{} : read(format, train, options);
    if (!is_first && has_words == other.names.empty())
      throw InvalidFile(path.string(), fmt::format("has {} for labels, but {} has {}",
                                                   has_words ? "words" : "numbers", train.string(),
                                                   has_words ? "numbers" : "words"));
    classes = own_classes(is_first ? images : other);
  }
  if (has_words)
    use_classes(path.string(), images, classes);
  else
    check_labels(path.string(), images, std::ssize(classes));
  if (is_first) add_notes(path.string(), images, classes);
  return arrays;
}

}  // namespace tessera::data
