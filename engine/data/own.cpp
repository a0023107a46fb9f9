#include "engine/data/own.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "engine/data/arrays.h"
#include "engine/data/folders.h"
#include "engine/data/memory_dataset.h"
#include "engine/data/pictures.h"
#include "engine/data/split.h"
#include "tessera/error.h"
#include "tessera/text.h"

namespace tessera {
namespace data {
namespace {

namespace fs = std::filesystem;

enum class Format : std::uint8_t { folder, npy, csv };

constexpr struct {
  std::string_view prefix;
  Format format;
} formats[] = {{"folder:", Format::folder}, {"npy:", Format::npy}, {"csv:", Format::csv}};

/// The path of the images of one part, or of both parts.
struct Part {
  fs::path path;
  fs::path train;  ///< the part that defines the classes; empty if both parts are one
  std::vector<std::string> notes;
};

/// Returns `path`, or one of the parts in it.
Part find_part(const fs::path& path, Split split, const std::string& suffix) {
  auto parts = find_parts(path, suffix);
  if (!parts) return {path, {}, {}};
  return {split == Split::train ? parts->train : parts->test, parts->train,
          std::move(parts->notes)};
}

template <typename T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<std::size_t>& which) {
  std::vector<T> some;
  some.reserve(which.size());
  for (std::size_t i : which) some.push_back(all[i]);
  return some;
}

std::vector<std::size_t> choose_some(const std::string& path, DataContents& contents,
                                     std::size_t classes, Split split,
                                     const DatasetOptions& options) {
  auto some = choose_part(contents, classes, split, options);
  if (some.empty())
    throw InvalidFile(
        path,
        fmt::format(
            "has {} images, which leaves none for {}; the validation split is {} of each class",
            contents.labels.size(), split == Split::train ? "training" : "testing",
            options.held_out));
  return some;
}

std::unique_ptr<ImageDataset> load_folder(const Part& part, Split split,
                                          const DatasetOptions& options) {
  std::vector<std::string> classes = options.classes;
  if (!part.train.empty()) find_classes(part.train.string(), classes);
  PictureFiles files = find_classes(part.path.string(), classes);
  DataContents contents{content_hashes(files.paths), files.labels, /*divided=*/false, {}};
  if (part.train.empty()) {
    const auto some = choose_some(part.path.string(), contents, classes.size(), split, options);
    files = {chosen(files.paths, some), chosen(files.labels, some), std::move(files.notes)};
  }
  files.notes.insert(files.notes.end(), part.notes.begin(), part.notes.end());
  return open_pictures(std::move(files), std::move(classes), options, std::move(contents),
                       /*needs_all=*/split == Split::train);
}

/// Moves the chosen images to the front, in order, and drops the others.
Images take(Images images, const std::vector<std::size_t>& which) {
  const auto bytes = static_cast<std::size_t>(images.height * images.width * images.channels);
  for (std::size_t to = 0; to < which.size(); ++to)
    if (which[to] != to)
      std::copy_n(images.pixels.data() + which[to] * bytes, bytes,
                  images.pixels.data() + to * bytes);
  images.pixels.resize(which.size() * bytes);
  if (images.pixels.size() < images.pixels.capacity() / 2) images.pixels.shrink_to_fit();
  images.labels = chosen(images.labels, which);
  return images;
}

std::unique_ptr<ImageDataset> load_array(Format format, const Part& part, const fs::path& folder,
                                         Split split, const DatasetOptions& options) {
  auto [images, classes] = read_arrays(format == Format::npy ? ArrayFormat::npy : ArrayFormat::csv,
                                       part.path, part.train, folder, options);
  DataContents contents;
  if (part.train.empty()) {
    const auto bytes = static_cast<std::size_t>(images.height * images.width * images.channels);
    contents = {content_hashes(images.pixels, bytes), images.labels, /*divided=*/true, {}};
    const auto some = choose_some(part.path.string(), contents, classes.size(), split, options);
    images = take(std::move(images), some);
  }
  return std::make_unique<MemoryDataset>(std::move(images), std::move(classes),
                                         std::move(contents));
}

}  // namespace

std::unique_ptr<ImageDataset> load_own(std::string_view name, Split split,
                                       const DatasetOptions& options) {
  for (const auto& [prefix, format] : formats) {
    if (!name.starts_with(prefix)) continue;
    const fs::path path(name.substr(prefix.size()));
    if (split == Split::train && !is_utf8(path.string()))
      throw Error("data", fmt::format("the path '{}' is not UTF-8, so a model file cannot store "
                                      "it; rename its folders, or change to it and use folder:.",
                                      path.string()));
    std::error_code ignored;
    if (!fs::exists(path, ignored)) throw InvalidFile(path.string(), "no such file or folder");
    if (format == Format::csv && !fs::is_directory(path, ignored))
      return load_array(format, {path, {}, {}}, path.parent_path(), split, options);
    const Part part = find_part(path, split, format == Format::csv ? ".csv" : "");
    if (format == Format::folder) return load_folder(part, split, options);
    if (format == Format::csv && part.train.empty())
      throw InvalidFile(path.string(),
                        "has no train.csv with val.csv or test.csv; else name a single file");
    return load_array(format, part, path, split, options);
  }
  throw Error("dataset", fmt::format("'{}' is not a custom data set", name));
}

namespace {

/// Whether a folder has a file of this name, or parts with such files.
bool has_file(const fs::path& folder, const std::string& name, const std::string& suffix) {
  std::error_code ignored;
  if (fs::exists(folder / name, ignored)) return true;
  const auto parts = find_parts(folder, suffix);
  return parts && (!suffix.empty() || fs::exists(parts->train / name, ignored));
}

}  // namespace

}  // namespace data

std::string full_dataset_name(const std::string& name) {
  namespace fs = std::filesystem;
  const auto& known = dataset_names();
  if (name.empty() || is_own_dataset(name) ||
      std::find(known.begin(), known.end(), name) != known.end())
    return name;
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) {
    if (data::has_file(name, "x.npy", "")) return "npy:" + name;
    return (data::has_file(name, "train.csv", ".csv") ? "csv:" : "folder:") + name;
  }
  const bool is_csv = name.ends_with(".csv") || name.ends_with(".csv.gz");
  if (is_csv && fs::exists(name, ignored)) return "csv:" + name;
  throw Error("dataset", fmt::format("there is no data set, folder or CSV file '{}'; there are: "
                                     "{}, folder:DIR, npy:DIR and csv:FILE",
                                     name, fmt::join(known, ", ")));
}

bool is_own_dataset(std::string_view name) {
  return std::any_of(std::begin(data::formats), std::end(data::formats),
                     [&](const auto& known) { return name.starts_with(known.prefix); });
}

}  // namespace tessera
