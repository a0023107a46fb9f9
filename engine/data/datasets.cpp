// The built-in data sets: their files, search folders and classes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

#include "engine/base/names.h"
#include "engine/data/cifar.h"
#include "engine/data/idx.h"
#include "engine/data/memory_dataset.h"
#include "engine/data/own.h"
#include "engine/data/text.h"
#include "tessera/data.h"
#include "tessera/error.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

enum class Format : std::uint8_t { idx, cifar10, cifar100 };

struct Source {
  std::string_view name;
  Format format;
  std::vector<std::string> train;  ///< file names; for IDX first the images, then the labels
  std::vector<std::string> test;
  /// Folders of its unpacked archive, or of torchvision.
  std::vector<std::string> inner_folders;
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
      {"mnist", Format::idx, idx_train, idx_test, {"MNIST/raw", "raw"},
       {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
      {"fashion-mnist", Format::idx, idx_train, idx_test, {"FashionMNIST/raw", "raw"},
       {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot"}},
      {"cifar10", Format::cifar10,
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
        "data_batch_5.bin"},
       {"test_batch.bin"}, {"cifar-10-batches-bin"},
       {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}},
      {"cifar100", Format::cifar100, {"train.bin"}, {"test.bin"}, {"cifar-100-binary"},
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

std::vector<fs::path> search_roots(const std::string& directory) {
  if (!directory.empty()) return {directory};
  std::vector<fs::path> roots;
  const char* environment = std::getenv("TESSERA_DATA");
  if (environment && *environment) roots.emplace_back(environment);
  roots.emplace_back("/usr/share/datasets");
  return roots;
}

/// Returns the folders in search order. A folder with the data set's name comes before its parent,
/// because MNIST and Fashion-MNIST have the same file names.
std::vector<fs::path> search_folders(const Source& source, const std::vector<fs::path>& roots) {
  std::vector<fs::path> folders;
  for (const fs::path& root : roots) {
    for (const fs::path& folder : {root / source.name, root}) {
      for (const std::string& inner : source.inner_folders) folders.push_back(folder / inner);
      folders.push_back(folder);
    }
  }
  return folders;
}

/// Returns the path of a file, plain or gzipped, also with the dot in its name that some archives
/// have ("train-images.idx3-ubyte"), or in a folder with its name; empty if there is none.
std::string find_file(const fs::path& folder, const std::string& name) {
  std::vector<std::string> names = {name};
  if (const std::size_t at = name.find("-idx"); at != std::string::npos)
    names.push_back(fmt::format("{}.{}", name.substr(0, at), name.substr(at + 1)));
  std::error_code ignored;
  for (const std::string& written : names)
    for (const fs::path& path : {folder / written, folder / written / written})
      for (const char* suffix : {"", ".gz"})
        if (fs::is_regular_file(path.string() + suffix, ignored)) return path.string() + suffix;
  return {};
}

/// Returns a hint if only the Python version of CIFAR or a packed archive exists.
std::string other_version(const Source& source, const std::vector<fs::path>& folders) {
  if (source.format == Format::idx) return {};
  const std::string number = source.format == Format::cifar10 ? "10" : "100";
  const std::string binary = fmt::format("cifar-{}-binary.tar.gz", number);
  std::error_code ignored;
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / binary, ignored))
      return fmt::format("; {} must be unpacked", (folder / binary).string());
    for (const char* name : {"cifar-{}-batches-py", "cifar-{}-python", "cifar-{}-python.tar.gz"}) {
      const fs::path path = folder / fmt::format(fmt::runtime(name), number);
      if (fs::exists(path, ignored))
        return fmt::format(
            "; {} is the Python version, which is not supported; download the binary version, {}",
            path.string(), binary);
    }
  }
  return {};
}

/// Returns the paths of all `names` in the first folder that has all of them.
std::vector<std::string> find_files(const Source& source, const std::vector<std::string>& names,
                                    const std::string& directory) {
  const std::vector<fs::path> roots = search_roots(directory);
  const std::vector<fs::path> folders = search_folders(source, roots);
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
  for (const fs::path& root : roots) looked_in.push_back(root.string());
  throw Error(std::string(source.name),
              fmt::format("found no {} (or .gz) in {} or the folders {}, {} there{}; docs/data.md "
                          "says where to get them",
                          fmt::join(least_missing, ", "), fmt::join(looked_in, ", "), source.name,
                          fmt::join(source.inner_folders, ", "), other_version(source, folders)));
}

/// Returns the class names in a file beside the data, if there is one.
std::vector<std::string> class_names(const Source& source, const fs::path& folder) {
  if (source.format != Format::cifar100) return source.classes;
  const fs::path path = folder / "fine_label_names.txt";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return source.classes;
  const std::vector<std::string> names = read_class_names(path.string());
  if (names.size() != source.classes.size())
    throw InvalidFile(path.string(), fmt::format("has {} class names, expected {}", names.size(),
                                                 source.classes.size()));
  return names;
}

constexpr Names<Crop, 2> crop_names = {{{Crop::none, "none"}, {Crop::center, "center"}}};

}  // namespace

std::string to_string(Crop crop) { return name_of(crop_names, crop); }
Crop crop_of(const std::string& name) { return value_of(crop_names, "crop", name); }

std::vector<std::string> read_class_names(const std::string& path) {
  constexpr std::size_t most_bytes = 4 << 20;
  std::ifstream file(path);
  if (!file) throw InvalidFile(path, "cannot be opened");
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), std::ssize(text));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_bytes)
    throw InvalidFile(path, fmt::format("is larger than {} MiB, expected one class name per line",
                                        most_bytes >> 20));
  std::string_view rest = text;
  data::remove_mark(path, rest);
  std::vector<std::string> names;
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of("\r\n");
    if (end != 0) names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  if (names.empty()) throw InvalidFile(path, "has no class names, expected one per line");
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

std::unique_ptr<ImageDataset> load_named(std::string_view name, Split split,
                                         const DatasetOptions& options) {
  const Source& source = find_source(name);
  const auto paths =
      find_files(source, split == Split::train ? source.train : source.test, options.directory);
  std::vector<std::string> classes = class_names(source, fs::path(paths[0]).parent_path());
  data::Images images;
  switch (source.format) {
    case Format::idx:
      images = data::read_idx(paths[0], paths[1], classes.size(), options.memory);
      break;
    case Format::cifar10:
      images = data::read_cifar(paths, 1, classes.size(), options.memory);
      break;
    case Format::cifar100:
      images = data::read_cifar(paths, 2, classes.size(), options.memory);
      break;
  }
  return std::make_unique<data::MemoryDataset>(std::move(images), std::move(classes));
}

}  // namespace

std::unique_ptr<ImageDataset> load_dataset(std::string_view name, Split split,
                                           const DatasetOptions& options) {
  try {
    return is_own_dataset(name) ? data::load_own(name, split, options)
                                : load_named(name, split, options);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(std::string(name), "needs more memory than is available");
  }
}

std::unique_ptr<ImageDataset> load_dataset(std::string_view name, Split split,
                                           const std::string& directory) {
  return load_dataset(name, split, DatasetOptions{.directory = directory});
}

}  // namespace tessera
