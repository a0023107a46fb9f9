// NumPy's arrays, and damage to them.
#include <doctest/doctest.h>

#include "engine/data/npy.h"
#include "tessera/data.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

Bytes npy(const std::string& header, const Bytes& elements, std::uint8_t version = 1) {
  Bytes file = bytes_of("\x93NUMPY");
  file.insert(file.end(), {version, 0});
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file.push_back(static_cast<std::uint8_t>(header.size() >> 8 * i));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), elements.begin(), elements.end());
  return file;
}

std::string header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }   \n";
}

/// Two images of 1x2 pixels of three channels.
struct Arrays {
  TemporaryFolder folder;
  std::string x = folder / "x.npy", y = folder / "y.npy";

  Arrays() {
    write_file(x, npy(header("|u1", "(2, 1, 2, 3)"), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    write_file(y, npy(header("<i8", "(2,)"), {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  }
  std::string error() {
    return error_of([&] { data::read_npy(x, y); });
  }
  std::string error_with(const std::string& text) {
    write_file(x, npy(text, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    return error();
  }
};

}  // namespace

TEST_CASE("arrays of bytes and of floats") {
  Arrays arrays;
  const data::Images images = data::read_npy(arrays.x, arrays.y);
  CHECK(images.height == 1);
  CHECK(images.width == 2);
  CHECK(images.channels == 3);
  CHECK(images.pixels == Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(images.labels == std::vector<std::int32_t>{1, 0});

  const std::string shape = "{\"shape\":(2,1,1),'descr':'<f4','fortran_order':False}";
  write_file(arrays.x, gzipped(npy(shape, {0, 0, 0x80, 0x3f, 0, 0, 0, 0x3f}, 2)));
  write_file(arrays.y, npy(header("|i1", "(2,)"), {0, 3}, 3));
  const data::Images grays = data::read_npy(arrays.x, arrays.y);
  CHECK(grays.channels == 1);
  CHECK(grays.pixels == Bytes{255, 128});
  CHECK(grays.labels == std::vector<std::int32_t>{0, 3});
}

TEST_CASE("the classes of arrays are numbers, or names beside them") {
  Arrays arrays;
  const std::string name = "npy:" + arrays.folder.path().string();
  const DatasetOptions all{.held_out = 1};
  CHECK(load_dataset(name, Split::test, all)->classes() == std::vector<std::string>{"0", "1"});
  write_file(arrays.folder / "classes.txt", bytes_of("ant\r\nbee\ncat\n"));
  CHECK(load_dataset(name, Split::test, all)->classes() ==
        std::vector<std::string>{"ant", "bee", "cat"});
  write_file(arrays.folder / "classes.txt", bytes_of("ant\n"));
  CHECK(contains(error_of([&] { load_dataset(name, Split::test, all); }),
                 "label 1 of image 0 is out of range, expected 0 to 0"));
  write_file(arrays.folder / "classes.txt", bytes_of("\n"));
  CHECK(contains(error_of([&] { load_dataset(name, Split::test, all); }),
                 "classes.txt] has no class names, expected one per line"));
}

TEST_CASE("a header that is no array's is refused in one line") {
  Arrays arrays;
  const std::string at = where(arrays.x), damaged = at + "damaged header: ";
  const auto says = [&](const std::string& text, const std::string& message) {
    CAPTURE(text);
    CHECK(arrays.error_with(text) == message);
  };
  says("", damaged + "has '', expected {");
  says("{'descr'", damaged + "has '', expected :");
  says("{'descr': '|u1", damaged + "has '|u1', expected the end of a string");
  says("{'descr': [('a', '<f4')]}",
       at + "has a structured type (named columns), expected one type for all elements; save "
            "each column as an array");
  says("{'descr': '|u1', 'descr': '|u1'}",
       damaged + "has 'descr', expected each of descr, fortran_order and shape once");
  says("{'code': '|u1'}",
       damaged + "has 'code', expected each of descr, fortran_order and shape once");
  says("{'descr': '|u1', 'shape': (2, 1, 2, 3)}", damaged + "has no fortran_order");
  says("{'descr': '|u1', 'fortran_order': 1}", damaged + "has '1}', expected True or False");
  says("{'descr': " + std::string(60000, '['),
       at + "has a structured type (named columns), expected one type for all elements; save "
            "each column as an array");
  says(header("|u1", "(-2, 1)"), damaged + "has '-2, 1), }   ?', expected a dimension");
  says(header("|u1", "(99999999999999999999,)"),
       damaged + "has '99999999999999999999', expected a dimension");
  says(header("|u1", "(1,1,1,1,1,1,1,1,1)"), damaged + "has too many dimensions");
  says(header("|u1", "(2, 1, 2, 3)") + "x", damaged + "has 'x', expected nothing more");
  says(header("|O", "(2, 1, 2, 3)"),
       at + "has Python objects, which are not supported; save them as numbers or text, e.g. "
            "np.save(file, array.astype(str)) or array.astype(np.uint8)");
  for (const char* type :
       {"", "<", "|u3", "<f16", "<c8", "<M8[ns]", "|S", "|S0", "<U99999", "|u1x"})
    says(header(type, "(2, 1, 2, 3)"),
         at + "has elements of type '" + type +
             "', expected integers, floats of 16, 32 or 64 bits, bool, or text for labels");
  says(header("|u1", "(2, 6)"),
       at + "is [2,6], expected [N,H,W,C] or [N,H,W]; reshape the rows to images");
  says(header("|u1", "(0, 1, 2, 3)"), at + "[0,1,2,3] has no elements");
  says(header("|u1", "(2, 1, 2, 4)"), at + "truncated: found 12 of the 16 bytes of the elements");
  says(header("|u1", "(2, 1, 2, 1)"), at + "has more bytes than its dimensions [2,1,2,1] take");
  says(header("|u1", "(9223372036854775807, 9223372036854775807, 2)"),
       at + "truncated or damaged: it is too small to hold "
            "[9223372036854775807,9223372036854775807,2]");
}

TEST_CASE("arrays cut short at any byte, and other damage") {
  Arrays arrays;
  for (const std::string& path : {arrays.x, arrays.y}) {
    const Bytes whole = read_file(path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_file(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(arrays.error().starts_with(where(path)));
    }
    write_file(path, whole);
  }
  write_file(arrays.x, npy(header("<f4", "(1,1,1)"), {0, 0, 0, 0xc0}));
  CHECK(arrays.error() ==
        where(arrays.x) +
            "has values from -2 to -2, expected 0 to 1 or 0 to 255, before any normalization");
  write_file(arrays.x, npy(header("|u1", "(1,1,1)"), {0}));
  CHECK(arrays.error() == where(arrays.x) + "has 1 images, but " + arrays.y + " has 2 labels");
  write_file(arrays.y, npy(header("|i1", "(1,)"), {255}));
  CHECK(arrays.error() == where(arrays.y) + "label -1 of image 0 is out of range");
  write_file(arrays.y, npy(header("<f4", "(1,)"), {0, 0, 0, 0x3f}));
  CHECK(arrays.error() == where(arrays.y) + "label 0.5 of image 0 is not an integer");
}

TEST_CASE("arrays are held against the memory that is allowed before any is taken") {
  Arrays arrays;
  const std::string shape = "(2, 300, 1000, 3)";
  constexpr std::int64_t elements = 1'800'000;
  const auto refused = [&](std::int64_t memory) {
    return error_of([&] { data::read_npy(arrays.x, arrays.y, {.memory = memory}); });
  };
  for (const auto& [type, size] : {std::pair("|u1", 1), std::pair("<f8", 8)}) {
    const Bytes array = npy(header(type, shape), Bytes(static_cast<std::size_t>(elements * size)));
    write_file(arrays.x, gzipped(array));
    CHECK(refused(elements - 1) ==
          where(arrays.x) +
              "needs 2 MiB (1800000 bytes) of memory when decoded, expected at "
              "most 1 MiB; raise the limit with --data-memory");
    CHECK(refused(elements).empty());
    write_file(arrays.x, array);  // the file itself has its size
    CHECK(refused(0).empty());
  }
}

TEST_CASE("packed content above 64 MiB is counted before memory is taken") {
  Arrays arrays;
  const auto refused = [&](std::size_t bytes) {
    write_file(arrays.x, gzipped(npy(header("|u1", "(2, 6000, 6000)"), Bytes(bytes))));
    return arrays.error();
  };
  CHECK(refused(71'999'999) ==
        where(arrays.x) + "truncated: found 71999999 of the 72000000 bytes of the elements");
  CHECK(refused(72'000'001) ==
        where(arrays.x) + "has more bytes than its dimensions [2,6000,6000] take");
  CHECK(refused(72'000'000).empty());
}

TEST_CASE("a folder without arrays names those it has") {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  const auto error = [](const std::string& name) {
    return error_of([&] { load_dataset("npy:" + name, Split::train, DatasetOptions{}); });
  };
  CHECK(error(path) == where(path) + "has no x.npy, expected x.npy (images) and y.npy (labels)");
  write_file(folder / "x.npy", {1});
  write_file(folder / "labels.npy", {1});
  CHECK(error(path) == where(path) +
                           "has no y.npy, expected x.npy (images) and y.npy (labels); "
                           "found labels.npy, x.npy");
  CHECK(error(folder / "x.npy") ==
        where(folder / "x.npy") + "is not a folder, expected a folder with x.npy and y.npy");
  write_file(folder / "data.npz", {1});
  CHECK(error(folder / "data.npz") ==
        where(folder / "data.npz") +
            "is an archive, expected a folder with x.npy and y.npy; unzip "
            "it and rename its arrays");
}

}  // namespace tessera::tests
