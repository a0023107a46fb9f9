// Names, folders and classes of the data sets.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "tessera/data.h"
#include "tests/data/idx_bytes.h"

namespace tessera::tests {
namespace {

/// Sets TESSERA_DATA and puts it back.
class Environment {
 public:
  explicit Environment(const std::string& value) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_)
      setenv(name, old_->c_str(), 1);
    else
      unsetenv(name);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static constexpr const char* name = "TESSERA_DATA";
  std::optional<std::string> old_;
};

/// Two test images; `label` tells folders apart.
void write_idx_test_split(const std::filesystem::path& folder, std::uint8_t label,
                          const std::string& suffix = {}) {
  const Bytes images = idx_bytes({2, 1, 2}, {1, 2, 3, 4});
  const Bytes labels = idx_bytes({2}, {label, 9});
  const bool packed = !suffix.empty();
  write_file(folder / ("t10k-images-idx3-ubyte" + suffix), packed ? gzipped(images) : images);
  write_file(folder / ("t10k-labels-idx1-ubyte" + suffix), packed ? gzipped(labels) : labels);
}

Bytes cifar_record(const Bytes& labels) {
  Bytes bytes = labels;
  bytes.resize(labels.size() + 3 * 32 * 32, 77);
  return bytes;
}

std::int32_t first_label(const ImageDataset& dataset) {
  Bytes pixels(static_cast<std::size_t>(dataset.image_bytes()));
  return dataset.read(0, pixels);
}

}  // namespace

TEST_CASE("the names of the data sets") {
  CHECK(dataset_names() ==
        std::vector<std::string>{"mnist", "fashion-mnist", "cifar10", "cifar100"});
  CHECK(error_of([] { load_dataset("imagenet", Split::train); }) ==
        "[dataset] there is no data set 'imagenet'; there are: mnist, fashion-mnist, cifar10, "
        "cifar100, folder:DIR, npy:DIR and csv:FILE");
}

TEST_CASE("a data set gives its samples and refuses others") {
  const TemporaryFolder folder;
  write_idx_test_split(folder.path(), 5);
  const auto dataset = load_dataset("mnist", Split::test, folder.path().string());
  CHECK(dataset->size() == 2);
  CHECK(dataset->height() == 1);
  CHECK(dataset->width() == 2);
  CHECK(dataset->channels() == 1);
  CHECK(dataset->classes().size() == 10);
  CHECK(dataset->classes()[3] == "3");
  Bytes pixels(2);
  CHECK(dataset->read(1, pixels) == 9);
  CHECK(pixels == Bytes{3, 4});
  CHECK(error_of([&] { dataset->read(2, pixels); }) ==
        "[dataset] there is no sample 2, expected below 2");
  CHECK(contains(error_of([&] { dataset->read(-1, pixels); }), "there is no sample -1"));
  Bytes small(1);
  CHECK(error_of([&] { dataset->read(0, small); }) ==
        "[dataset] room for 1 bytes, but an image has 2");
}

TEST_CASE("a folder with the name of the data set goes before its parent") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  write_idx_test_split(folder.path(), 1);
  CHECK(first_label(*load_dataset("fashion-mnist", Split::test, root)) == 1);
  write_idx_test_split(folder.path() / "fashion-mnist", 2, ".gz");
  CHECK(first_label(*load_dataset("fashion-mnist", Split::test, root)) == 2);
  CHECK(first_label(*load_dataset("mnist", Split::test, root)) == 1);
}

TEST_CASE("without a directory TESSERA_DATA is searched") {
  const TemporaryFolder folder;
  const Environment environment(folder.path().string());
  write_idx_test_split(folder.path() / "mnist", 4);
  CHECK(first_label(*load_dataset("mnist", Split::test)) == 4);
  const TemporaryFolder other;
  CHECK(error_of([&] { load_dataset("mnist", Split::test, other.path().string()); }) != "");
}

TEST_CASE("missing files are named with the folders that were searched") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  const auto error = [&] { return error_of([&] { load_dataset("mnist", Split::test, root); }); };
  const std::string inner = " or the folders mnist, MNIST/raw, raw there";
  const std::string hint = "; docs/data.md says where to get them";
  CHECK(error() == "[mnist] found no t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (or .gz) in " +
                       root + inner + hint);
  write_idx_test_split(folder.path(), 1);
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  CHECK(error() == "[mnist] found no t10k-labels-idx1-ubyte (or .gz) in " + root + inner + hint);
  if (std::filesystem::exists("/usr/share/datasets/mnist")) return;
  const Environment environment(root);
  CHECK(error_of([] { load_dataset("mnist", Split::test); }) ==
        "[mnist] found no t10k-labels-idx1-ubyte (or .gz) in " + root + ", /usr/share/datasets" +
            inner + hint);
}

TEST_CASE("MNIST is found where torchvision puts it, and under names with a dot") {
  for (const char* inner : {"MNIST/raw", "mnist/MNIST/raw", "raw", "mnist/raw"}) {
    const TemporaryFolder folder;
    write_idx_test_split(folder.path() / inner, 3);
    CHECK(first_label(*load_dataset("mnist", Split::test, folder.path().string())) == 3);
  }
  for (const char* inner : {"FashionMNIST/raw", "raw"}) {
    const TemporaryFolder folder;
    write_idx_test_split(folder.path() / "MNIST/raw", 4);
    write_idx_test_split(folder.path() / inner, 3);
    CHECK(first_label(*load_dataset("fashion-mnist", Split::test, folder.path().string())) == 3);
  }
  for (const std::string suffix : {"", ".gz"}) {
    const TemporaryFolder folder;
    write_idx_test_split(folder.path(), 6, suffix);
    for (const std::string kind : {"images-idx3", "labels-idx1"}) {
      const std::string old = folder / ("t10k-" + kind + "-ubyte" + suffix);
      const std::string dotted =
          "t10k-" + kind.substr(0, 6) + "." + kind.substr(7) + "-ubyte" + suffix;
      std::filesystem::rename(old, folder / dotted);
      std::filesystem::create_directory(folder / ("t10k-" + kind + "-ubyte"));
    }
    CHECK(first_label(*load_dataset("mnist", Split::test, folder.path().string())) == 6);
  }
}

TEST_CASE("the Python version of CIFAR and packed archives are named") {
  for (const std::string number : {"10", "100"}) {
    const TemporaryFolder folder;
    const auto error = [&] {
      return error_of([&] { load_dataset("cifar" + number, Split::test, folder.path().string()); });
    };
    const std::string python = number == "10" ? "cifar-10-batches-py" : "cifar-100-python";
    const std::string binary = "cifar-" + number + "-binary.tar.gz";
    CHECK(!contains(error(), python));
    write_file(folder.path() / python / "test_batch", {1});
    CHECK(
        contains(error(), "; " + (folder / python) +
                              " is the Python version, which is not supported; download the binary "
                              "version, " +
                              binary + "; docs/data.md"));
    write_file(folder / binary, {1});
    CHECK(contains(error(), "; " + (folder / binary) + " must be unpacked; docs/data.md"));
  }
}

TEST_CASE("class names of any editor") {
  const TemporaryFolder folder;
  const std::string path = folder / "classes.txt";
  const auto write = [&](const std::string& text) {
    write_file(path, Bytes(text.begin(), text.end()));
  };
  const std::vector<std::string> expected = {"cat", "\xc3\x84ngel"};
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    write("cat" + end + "\xc3\x84ngel" + end + end);
    CHECK(read_class_names(path) == expected);
    write(
        "\xef\xbb\xbf"
        "cat" +
        end + "\xc3\x84ngel");
    CHECK(read_class_names(path) == expected);
  }
  write(
      "\xff\xfe"
      "c");
  CHECK(error_of([&] { read_class_names(path); }) ==
        where(path) + "is UTF-16 text, expected UTF-8");
  write(std::string((4 << 20) + 1, 'x'));
  CHECK(contains(error_of([&] { read_class_names(path); }), "is larger than 4 MiB"));
}

TEST_CASE("packed data sets are held against the memory that is allowed") {
  const TemporaryFolder folder;
  const DatasetOptions options{.directory = folder.path().string(), .memory = 1 << 20};
  write_file(folder / "t10k-labels-idx1-ubyte", idx_bytes({2}, {1, 2}));
  const Bytes images = idx_bytes({2, 1000, 1000}, Bytes(2'000'000));
  write_file(folder / "t10k-images-idx3-ubyte", gzipped(images));
  CHECK(contains(error_of([&] { load_dataset("mnist", Split::test, options); }),
                 "needs 2 MiB (2000000 bytes) of memory when decoded"));
  write_file(folder / "t10k-images-idx3-ubyte", images);
  CHECK(load_dataset("mnist", Split::test, options)->size() == 2);
  write_file(folder / "test_batch.bin", gzipped(Bytes(1000 * 3073)));
  CHECK(contains(error_of([&] { load_dataset("cifar10", Split::test, options); }),
                 "of memory when decoded"));
  write_file(folder / "test_batch.bin", Bytes(1000 * 3073));
  CHECK(load_dataset("cifar10", Split::test, options)->size() == 1000);
}

TEST_CASE("CIFAR-10 is found where its archive unpacks to") {
  const TemporaryFolder folder;
  const std::filesystem::path batches = folder.path() / "cifar-10-batches-bin";
  for (std::uint8_t i = 1; i <= 5; ++i)
    write_file(batches / ("data_batch_" + std::to_string(i) + ".bin"), cifar_record({i}));
  write_file(batches / "test_batch.bin", cifar_record({9}));
  const auto train = load_dataset("cifar10", Split::train, folder.path().string());
  CHECK(train->size() == 5);
  Bytes pixels(3072);
  for (std::int32_t i = 0; i < 5; ++i) CHECK(train->read(i, pixels) == i + 1);
  CHECK(train->classes()[9] == "truck");
  const auto test = load_dataset("cifar10", Split::test, batches.string());
  CHECK(test->size() == 1);
  CHECK(first_label(*test) == 9);
}

TEST_CASE("CIFAR-100 takes its class names from the file beside it, if there is one") {
  const TemporaryFolder folder;
  const std::filesystem::path inside = folder.path() / "cifar100" / "cifar-100-binary";
  write_file(inside / "test.bin", cifar_record({4, 42}));
  const auto load = [&] { return load_dataset("cifar100", Split::test, folder.path().string()); };
  const std::vector<std::string> standard = load()->classes();
  CHECK(standard.size() == 100);
  CHECK(std::set<std::string>(standard.begin(), standard.end()).size() == 100);
  CHECK(std::is_sorted(standard.begin(), standard.end()));
  CHECK(first_label(*load()) == 42);

  const auto write_names = [&](int count, const std::string& ending) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "class " + std::to_string(i) + ending;
    write_file(inside / "fine_label_names.txt", Bytes(text.begin(), text.end()));
  };
  write_names(100, "\n");
  CHECK(load()->classes()[42] == "class 42");
  write_names(100, "\r\n");
  CHECK(load()->classes()[99] == "class 99");
  write_names(99, "\n");
  CHECK(error_of([&] { load(); }) ==
        where((inside / "fine_label_names.txt").string()) + "has 99 class names, expected 100");
}

TEST_CASE("Fashion-MNIST as Debian packages it") {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: the package dataset-fashion-mnist is not installed");
    return;
  }
  for (const auto& [split, size] :
       {std::pair(Split::train, 60000), std::pair(Split::test, 10000)}) {
    const auto dataset = load_dataset("fashion-mnist", split, folder);
    CHECK(dataset->size() == size);
    CHECK(dataset->height() == 28);
    CHECK(dataset->width() == 28);
    CHECK(dataset->channels() == 1);
    std::vector<std::int64_t> count(10);
    Bytes pixels(28 * 28);
    for (std::int64_t i = 0; i < size; ++i)
      ++count[static_cast<std::size_t>(dataset->read(i, pixels))];
    CHECK(count == std::vector<std::int64_t>(10, size / 10));
  }
  CHECK(load_dataset("fashion-mnist", Split::test, folder)->classes()[9] == "Ankle boot");
}

}  // namespace tessera::tests
