// The named data sets: which files they are made of, where those are searched, and their classes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/data/cifar.h"
#include "engine/data/idx.h"
#include "engine/data/memory_dataset.h"
#include "engine/data/own.h"
#include "engine/names.h"
#include "tessera/data.h"
#include "tessera/error.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

enum class Format : std::uint8_t { idx, cifar10, cifar100 };

struct Source {
  std::string_view name;
  Format format;
  std::vector<std::string> train;  ///< file names; of IDX first the images, then the labels
  std::vector<std::string> test;
  std::string archive_folder;  ///< the folder that the official archive unpacks to
  std::vector<std::string> classes;
};

// clang-format off
std::vector<std::string> cifar100_classes() {
  return {
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house",
    "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal",
    "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar",
    "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm"};
}

std::vector<Source> make_sources() {
  const std::vector<std::string> idx_train = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
  const std::vector<std::string> idx_test = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  return {
      {"mnist", Format::idx, idx_train, idx_test, "",
       {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
      {"fashion-mnist", Format::idx, idx_train, idx_test, "",
       {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot"}},
      {"cifar10", Format::cifar10,
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
        "data_batch_5.bin"},
       {"test_batch.bin"}, "cifar-10-batches-bin",
       {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}},
      {"cifar100", Format::cifar100, {"train.bin"}, {"test.bin"}, "cifar-100-binary",
       cifar100_classes()},
  };
}
// clang-format on

const std::vector<Source>& sources() {
  static const std::vector<Source> all = make_sources();
  return all;
}

const Source& find_source(std::string_view name) {
  for (const Source& source : sources())
    if (source.name == name) return source;
  throw Error("dataset",
              fmt::format("there is no data set '{}'; there are: {}, folder:DIR, npy:DIR and "
                          "csv:FILE",
                          name, fmt::join(dataset_names(), ", ")));
}

/// In the order of the search. A folder with the data set's name goes before its parent, because
/// MNIST and Fashion-MNIST have files of the same names.
std::vector<fs::path> search_folders(const Source& source, const std::string& directory) {
  std::vector<fs::path> roots;
  if (!directory.empty()) {
    roots.emplace_back(directory);
  } else {
    const char* environment = std::getenv("TESSERA_DATA");
    if (environment && *environment) roots.emplace_back(environment);
    roots.emplace_back("/usr/share/datasets");
  }
  std::vector<fs::path> folders;
  for (const fs::path& root : roots) {
    for (const fs::path& folder : {root / source.name, root}) {
      if (!source.archive_folder.empty()) folders.push_back(folder / source.archive_folder);
      folders.push_back(folder);
    }
  }
  return folders;
}

/// The path of a file as it is or gzipped; empty if there is neither.
std::string find_file(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  for (const char* suffix : {"", ".gz"}) {
    const fs::path path = folder / (name + suffix);
    if (fs::exists(path, ignored)) return path.string();
  }
  return {};
}

/// The paths of all `names` in the first folder that has them all.
std::vector<std::string> find_files(const Source& source, const std::vector<std::string>& names,
                                    const std::string& directory) {
  const std::vector<fs::path> folders = search_folders(source, directory);
  std::vector<std::string> least_missing = names;
  for (const fs::path& folder : folders) {
    std::vector<std::string> paths;
    std::vector<std::string> missing;
    for (const std::string& name : names) {
      paths.push_back(find_file(folder, name));
      if (paths.back().empty()) missing.push_back(name);
    }
    if (missing.empty()) return paths;
    if (missing.size() < least_missing.size()) least_missing = missing;
  }
  std::vector<std::string> looked_in;
  for (const fs::path& folder : folders) looked_in.push_back(folder.string());
  throw Error(std::string(source.name),
              fmt::format("found no {} (or .gz) in {}; docs/data.md says where to get them",
                          fmt::join(least_missing, ", "), fmt::join(looked_in, ", ")));
}

/// The names of the classes that lie beside the data, if they do.
std::vector<std::string> class_names(const Source& source, const fs::path& folder) {
  if (source.format != Format::cifar100) return source.classes;
  const fs::path path = folder / "fine_label_names.txt";
  if (!fs::exists(path)) return source.classes;
  const std::vector<std::string> names = read_class_names(path.string());
  if (names.size() != source.classes.size())
    throw Error(path.string(), fmt::format("has {} class names, expected {}", names.size(),
                                           source.classes.size()));
  return names;
}

constexpr Names<Crop, 2> crop_names = {{{Crop::none, "none"}, {Crop::center, "center"}}};

}  // namespace

std::string to_string(Crop crop) { return name_of(crop_names, crop); }
Crop crop_of(const std::string& name) { return value_of(crop_names, "crop", name); }

std::vector<std::string> read_class_names(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(path, "cannot be opened");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  if (names.empty()) throw Error(path, "has no names of classes, expected one in each line");
  return names;
}

const std::vector<std::string>& dataset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Source& source : sources()) result.emplace_back(source.name);
    return result;
  }();
  return names;
}

namespace {

std::unique_ptr<Dataset> load_named(std::string_view name, Split split,
                                    const std::string& directory) {
  const Source& source = find_source(name);
  const auto paths =
      find_files(source, split == Split::train ? source.train : source.test, directory);
  std::vector<std::string> classes = class_names(source, fs::path(paths[0]).parent_path());
  data::Images images;
  switch (source.format) {
    case Format::idx:
      images = data::read_idx(paths[0], paths[1], classes.size());
      break;
    case Format::cifar10:
      images = data::read_cifar(paths, 1, classes.size());
      break;
    case Format::cifar100:
      images = data::read_cifar(paths, 2, classes.size());
      break;
  }
  return std::make_unique<data::MemoryDataset>(std::move(images), std::move(classes));
}

}  // namespace

std::unique_ptr<Dataset> load_dataset(std::string_view name, Split split,
                                      const DatasetOptions& options) {
  return is_own_dataset(name) ? data::load_own(name, split, options)
                              : load_named(name, split, options.directory);
}

std::unique_ptr<Dataset> load_dataset(std::string_view name, Split split,
                                      const std::string& directory) {
  return load_dataset(name, split, DatasetOptions{.directory = directory});
}

}  // namespace tessera
