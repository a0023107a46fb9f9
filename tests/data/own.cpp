// Images of one's own: folders of pictures, their split, and pictures that cannot be read.
#include "engine/data/own.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/data/picture.h"
#include "tests/data/files.h"
#include "tests/data/png.h"

namespace tessera::tests {
namespace {

/// A folder of pictures of one color each.
struct Pets {
  TemporaryFolder folder;
  DatasetOptions options{.height = 4, .width = 3, .channels = 3};

  std::string path(const std::string& name) const { return (folder.path() / name).string(); }
  void add(const std::string& name, std::uint8_t shade, std::int64_t side = 5) {
    write_file(path(name), png(side, side + 1, 1, 8,
                               Bytes(static_cast<std::size_t>(side * (side + 1)), shade)));
  }
  std::unique_ptr<ImageDataset> load(Split split) const {
    return load_dataset("folder:" + folder.path().string(), split, options);
  }
};

/// The files of a part, without folders, with their labels; pixels are the shade of `shades`.
std::map<std::string, std::int32_t> files_of(const ImageDataset& dataset) {
  std::map<std::string, std::int32_t> files;
  Bytes pixels(static_cast<std::size_t>(dataset.image_bytes()));
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::string name = std::filesystem::path(dataset.file_of(i)).filename().string();
    files[name] = dataset.read(i, pixels);
    const auto shade = static_cast<std::uint8_t>(std::stoi(name));  // its name says it
    CHECK(pixels == Bytes(pixels.size(), shade));
  }
  return files;
}

}  // namespace

TEST_CASE("folders are classes, and a share of each is held out") {
  Pets pets;
  for (int i = 0; i < 20; ++i)
    pets.add("dog/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(i));
  for (int i = 20; i < 25; ++i)
    pets.add("cat/old/" + std::to_string(i) + ".PNG", static_cast<std::uint8_t>(i), i - 10);
  write_file(pets.path("dog/notes.txt"), {'x'});
  write_file(pets.path("dog/._1.png"), {'x'});
  for (std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{36 * 4 + 1}, std::int64_t{0}}) {
    CAPTURE(memory);
    pets.options.memory = memory;
    const auto train = pets.load(Split::train), test = pets.load(Split::test);
    CHECK(train->classes() == std::vector<std::string>{"cat", "dog"});
    CHECK(train->size() + test->size() == 25);
    CHECK(train->is_slow() == (memory < train->size() * 36));
    auto all = files_of(*train), held_out = files_of(*test);
    CHECK(std::count_if(held_out.begin(), held_out.end(),
                        [](const auto& file) { return file.second == 1; }) >= 1);
    CHECK(std::count_if(held_out.begin(), held_out.end(),
                        [](const auto& file) { return file.second == 0; }) >= 1);
    CHECK(test->size() < 10);
    all.merge(held_out);
    CHECK(held_out.empty());
    CHECK(all.size() == 25);
    for (const auto& [name, label] : all) CHECK(label == (std::stoi(name) < 20));
  }
}

TEST_CASE("folders train and val are the parts") {
  for (const std::string test : {"val", "test"}) {
    Pets pets;
    pets.add("train/cat/1.png", 1);
    pets.add("train/dog/2.png", 2);
    pets.add(test + "/dog/3.png", 3);
    CHECK(files_of(*pets.load(Split::train)) ==
          std::map<std::string, std::int32_t>{{"1.png", 0}, {"2.png", 1}});
    CHECK(files_of(*pets.load(Split::test)) == std::map<std::string, std::int32_t>{{"3.png", 1}});
    pets.add(test + "/eel/4.png", 4);
    CHECK(error_of([&] { pets.load(Split::test); }) ==
          where(pets.path(test)) + "has folders of unknown classes: eel; the classes are cat, dog");
  }
}

TEST_CASE("parts are known by other names, in any case of their letters") {
  constexpr const char* names[][2] = {{"Train", "Val"},           {"train", "valid"},
                                      {"TRAIN", "Validation"},    {"training", "test"},
                                      {"Training", "validation"}, {"train", "TESTING"}};
  for (const auto& pair : names) {
    const std::string train = pair[0], test = pair[1];
    CAPTURE(train);
    CAPTURE(test);
    Pets pets;
    pets.add(std::string(train) + "/cat/1.png", 1);
    pets.add(std::string(train) + "/dog/2.png", 2);
    pets.add(std::string(test) + "/dog/3.png", 3);
    CHECK(files_of(*pets.load(Split::train)) ==
          std::map<std::string, std::int32_t>{{"1.png", 0}, {"2.png", 1}});
    CHECK(files_of(*pets.load(Split::test)) == std::map<std::string, std::int32_t>{{"3.png", 1}});
    CHECK(pets.load(Split::train)->notes().empty());
  }
}

TEST_CASE("a third part and other folders beside the parts are named") {
  Pets pets;
  const std::string root = where(pets.folder.path().string());
  for (const char* part : {"train", "valid", "test", "notes"})
    pets.add(std::string(part) + "/cat/1.png", 1);
  const auto test = pets.load(Split::test);
  CHECK(test->file_of(0) == pets.path("valid/cat/1.png"));
  CHECK(test->notes() ==
        std::vector<std::string>{
            root + "valid is used for validation; " + pets.path("test") +
                " is not used, measure a trained model on it with `tessera eval --data`",
            root + "ignored beside the parts: notes"});
  pets.add("Val/cat/1.png", 1);
  CHECK(error_of([&] { pets.load(Split::test); }) ==
        root + "has both Val and valid, expected one of them");
}

TEST_CASE("parts without the other one are no classes") {
  Pets pets;
  pets.add("valid/cat/1.png", 1);
  pets.add("test/cat/2.png", 2);
  CHECK(error_of([&] { pets.load(Split::train); }) ==
        where(pets.folder.path().string()) +
            "has no folders but test, valid, expected train and val (or valid, validation, test), "
            "or a folder for each class");
  pets.add("bus/3.png", 3);
  CHECK(pets.load(Split::train)->classes() == std::vector<std::string>{"bus", "test", "valid"});
}

TEST_CASE("classes without an image are refused, files that are no images are named") {
  Pets pets;
  const std::string root = where(pets.folder.path().string());
  pets.options.held_out = 0;
  pets.add("cat/1.png", 1);
  for (const char* name : {"cat/a.heic", "cat/sub/b.avif", "cat/notes.txt", "cat/.DS_Store",
                           "cat/Thumbs.db", "__MACOSX/cat/._1.png", ".git/x.png", "README.md"})
    write_file(pets.path(name), {'x'});
  CHECK(pets.load(Split::train)->notes() ==
        std::vector<std::string>{
            root + "ignored 4 files of other types: README.md, a.heic, notes.txt, b.avif; "
                   "4 hidden or system entries: .git, __MACOSX, .DS_Store, Thumbs.db"});
  CHECK(pets.load(Split::train)->classes() == std::vector<std::string>{"cat"});
  std::filesystem::create_directory(pets.path("dog"));
  write_file(pets.path("eel/1.heic"), {'x'});
  CHECK(contains(error_of([&] { pets.load(Split::train); }),
                 root + "has no images of class dog, eel, expected PNG"));
}

TEST_CASE("names that no model file can hold are refused") {
  Pets pets;
  pets.add("\xc3\x84pfel/1.png", 1);
  CHECK(pets.load(Split::train)->classes() == std::vector<std::string>{"\xc3\x84pfel"});
  pets.add("\xc4pfel/1.png", 1);
  const std::string error = error_of([&] { pets.load(Split::train); });
  CHECK(error.starts_with(where(pets.folder.path().string()) + "the folder '"));
  CHECK(contains(error, "pfel' has a name that is not UTF-8; rename it"));
  const std::string path = error_of(
      [&] { load_dataset("folder:" + pets.path("\xc4pfel"), Split::train, pets.options); });
  CHECK(contains(path, "is not UTF-8, so a model file cannot store it"));
}

TEST_CASE("a class whose images cannot be read ends a training") {
  Pets pets;
  pets.options = {.height = 4, .width = 3, .channels = 3, .held_out = 0, .skip_bad = true};
  pets.add("cat/1.png", 1);
  write_file(pets.path("dog/2.png"), {'x'});
  const std::string error = error_of([&] { pets.load(Split::train); });
  CHECK(contains(error, "no image of class dog can be read: " + where(pets.path("dog/2.png"))));
}

TEST_CASE("links to folders are followed once, broken ones are named") {
  namespace fs = std::filesystem;
  Pets pets;
  pets.options.held_out = 0;
  pets.add("cat/1.png", 1);
  pets.add("elsewhere/cats/2.png", 2);
  fs::create_directory_symlink(pets.path("elsewhere/cats"), pets.path("cat/more"));
  fs::create_directory_symlink(pets.path("cat"), pets.path("cat/round"));
  CHECK(find_images(pets.path("cat")).paths ==
        std::vector<std::string>{pets.path("cat/1.png"), pets.path("cat/more/2.png")});
  fs::create_symlink(pets.path("nothing.png"), pets.path("cat/3.png"));
  CHECK(error_of([&] { pets.load(Split::train); }) ==
        where(pets.path("cat/3.png")) + "there is no such file");
}

TEST_CASE("paths of folders and files get the name of a data set") {
  Pets pets;
  pets.add("photos/cat/1.png", 1);
  for (const char* name : {"arrays/x.npy", "parts/train/x.npy", "parts/val/x.npy", "rows.csv",
                           "tables/train.csv", "tables/val.csv", "notes.txt"})
    write_file(pets.path(name), {'x'});
  for (const char* name : {"photos", "photos/cat"})
    CHECK(full_dataset_name(pets.path(name)) == "folder:" + pets.path(name));
  for (const char* name : {"arrays", "parts"})
    CHECK(full_dataset_name(pets.path(name)) == "npy:" + pets.path(name));
  for (const char* name : {"rows.csv", "tables"})
    CHECK(full_dataset_name(pets.path(name)) == "csv:" + pets.path(name));
  for (const char* name : {"mnist", "cifar10", "folder:x", "csv:x"})
    CHECK(full_dataset_name(name) == name);
  for (const std::string& name : {pets.path("notes.txt"), pets.path("missing.csv")})
    CHECK(error_of([&] { full_dataset_name(name); }) ==
          "[dataset] there is no data set, folder or CSV file '" + name +
              "'; there are: mnist, fashion-mnist, cifar10, cifar100, folder:DIR, npy:DIR and "
              "csv:FILE");
}

TEST_CASE("classes that a model has keep its order") {
  Pets pets;
  pets.add("cat/1.png", 1);
  pets.add("dog/2.png", 2);
  pets.options.held_out = 1;
  pets.options.classes = {"dog", "eel", "cat"};
  const auto test = pets.load(Split::test);
  CHECK(test->classes() == pets.options.classes);
  CHECK(files_of(*test) == std::map<std::string, std::int32_t>{{"1.png", 2}, {"2.png", 0}});
}

TEST_CASE("pictures that cannot be read are named, or left out and named") {
  Pets pets;
  for (int i = 0; i < 6; ++i)
    pets.add("a/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(i));
  pets.options.held_out = 0;
  for (const char* name : {"a/0.png", "a/3.png"}) {
    Bytes bytes = read_file(pets.path(name));
    bytes.resize(bytes.size() - 9);
    write_file(pets.path(name), bytes);
  }
  CHECK(error_of([&] { pets.load(Split::train); }) == where(pets.path("a/0.png")) + "is cut short");
  pets.options.skip_bad = true;
  for (std::int64_t memory : {1000, 36 * 4, 0}) {
    CAPTURE(memory);
    pets.options.memory = memory;
    const auto train = pets.load(Split::train);
    CHECK(train->skipped() ==
          std::vector<std::string>{where(pets.path("a/0.png")) + "is cut short",
                                   where(pets.path("a/3.png")) + "is cut short"});
    CHECK(files_of(*train).size() == 4);
  }
}

TEST_CASE("the loader reads pictures by several threads, in order") {
  Pets pets;
  for (int i = 0; i < 20; ++i)
    pets.add("a/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(i));
  pets.options.held_out = 0;
  pets.options.memory = 36 * 3;
  const auto train = pets.load(Split::train);
  Loader loader(*train, {.batch = 8, .order = shuffled_order(20, 3, 0)});
  const auto order = shuffled_order(20, 3, 0);
  std::size_t at = 0;
  while (const Batch* batch = loader.next())
    for (std::int64_t i = 0; i < batch->size; ++i) {
      const std::string name = std::filesystem::path(train->file_of(order[at++])).stem().string();
      CHECK(batch->values<std::uint8_t>("image")[static_cast<std::size_t>(i * 36)] ==
            std::stoi(name));
    }
  CHECK(at == 20);
}

TEST_CASE("folders without what is needed are refused") {
  Pets pets;
  const std::string root = pets.folder.path().string();
  const auto error = [&] { return error_of([&] { pets.load(Split::train); }); };
  CHECK(error() == where(root) + "has no folders, expected one per class");
  std::filesystem::create_directory(pets.path("a"));
  CHECK(error() == where(root) + fmt::format("has no images of class a, expected {} files",
                                             data::picture_formats));
  pets.add("a/1.png", 1);
  CHECK(error() == "");
  CHECK(
      error_of([&] { pets.load(Split::test); }) ==
      where(root) +
          "has 1 images, which leaves none for testing; the validation split is 0.1 of each class");
  pets.options.height = 0;
  CHECK(error() == "[images] size is 0x3, expected at least 1x1");
  CHECK(error_of([] { load_dataset("folder:no/such", Split::train, DatasetOptions{}); }) ==
        "[no/such] no such file or folder");
}

}  // namespace tessera::tests
