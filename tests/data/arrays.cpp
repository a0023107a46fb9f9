// NumPy's arrays and CSV files, and damage to them.
#include <doctest/doctest.h>

#include "engine/data/csv.h"
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

struct Csv {
  TemporaryFolder folder;
  std::string path = folder / "rows.csv";

  data::Images read(const std::string& text, std::int64_t height = 0, std::int64_t width = 0,
                    std::int64_t channels = 0) {
    write_file(path, bytes_of(text));
    return data::read_csv(path, height, width, channels);
  }
  std::string error(const std::string& text, std::int64_t height = 0, std::int64_t width = 0,
                    std::int64_t channels = 0) {
    return error_of([&] { read(text, height, width, channels); });
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
  const data::Images greys = data::read_npy(arrays.x, arrays.y);
  CHECK(greys.channels == 1);
  CHECK(greys.pixels == Bytes{255, 128});
  CHECK(greys.labels == std::vector<std::int32_t>{0, 3});
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
                 "classes.txt] has no names of classes, expected one in each line"));
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
  says("{'descr': [('a', '<f4')]}", damaged + "has '[('a', '<f4')]}', expected \"");
  says("{'descr': '|u1', 'descr': '|u1'}",
       damaged + "has 'descr', expected each of descr, fortran_order and shape once");
  says("{'code': '|u1'}",
       damaged + "has 'code', expected each of descr, fortran_order and shape once");
  says("{'descr': '|u1', 'shape': (2, 1, 2, 3)}", damaged + "has no fortran_order");
  says("{'descr': '|u1', 'fortran_order': 1}", damaged + "has '1}', expected True or False");
  says("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 2, 3)}",
       damaged + "is in Fortran's order, expected C's");
  says(header("|u1", "(-2, 1)"), damaged + "has '-2, 1), }   ?', expected a dimension");
  says(header("|u1", "(99999999999999999999,)"),
       damaged + "has '99999999999999999999', expected a dimension");
  says(header("|u1", "(1,1,1,1,1,1,1,1,1)"), damaged + "has too many dimensions");
  says(header("|u1", "(2, 1, 2, 3)") + "x", damaged + "has 'x', expected nothing more");
  says(header("|O", "(2, 1, 2, 3)"),
       at + "has elements of type '|O', expected '|u1' (uint8) or '<f4' (float32)");
  says(header("|u1", "(2, 6)"), at + "is [2,6], expected [N,H,W,C] or [N,H,W]");
  says(header("|u1", "(0, 1, 2, 3)"), at + "[0,1,2,3] has no elements");
  says(header("|u1", "(2, 1, 2, 4)"), at + "truncated: found 12 of the 16 bytes of the elements");
  says(header("|u1", "(2, 1, 2, 2)"), at + "has more bytes than its dimensions [2,1,2,2] take");
  says(header("|u1", "(9223372036854775807, 9223372036854775807, 2)"),
       at + "truncated or damaged: it is too small to hold "
            "[9223372036854775807,9223372036854775807,2,1]");
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
  write_file(arrays.x, npy(header("<f4", "(1,1,1)"), {0, 0, 0, 0x40}));
  CHECK(arrays.error() == where(arrays.x) + "element 0 is 2, expected float32 from 0 to 1");
  write_file(arrays.x, npy(header("|u1", "(1,1,1)"), {0}));
  CHECK(arrays.error() == where(arrays.x) + "has 1 images, but " + arrays.y + " has 2 labels");
  write_file(arrays.y, npy(header("|i1", "(1,)"), {255}));
  CHECK(arrays.error() == where(arrays.y) + "label -1 of image 0 is out of range");
  write_file(arrays.y, npy(header("<f4", "(1,)"), {0, 0, 0, 0}));
  CHECK(arrays.error() ==
        where(arrays.y) + "has elements of type '<f4', expected integers, little endian");
}

TEST_CASE("rows of a label and pixels") {
  Csv csv;
  const data::Images grey = csv.read("label,p0,p1,p2,p3\r\n7,0,1,2,255\r\n3, 4,5 ,6,7\r\n\n");
  CHECK(grey.labels == std::vector<std::int32_t>{7, 3});
  CHECK(grey.pixels == Bytes{0, 1, 2, 255, 4, 5, 6, 7});
  CHECK(grey.height == 2);
  CHECK(grey.width == 2);
  CHECK(grey.channels == 1);
  const data::Images colour = csv.read("0,1,2,3");
  CHECK(colour.height == 1);
  CHECK(colour.channels == 3);
  const data::Images oblong = csv.read("0,1,2,3,4,5,6\n", 3, 1);
  CHECK(oblong.height == 3);
  CHECK(oblong.channels == 2);
}

TEST_CASE("rows that are none name their line") {
  Csv csv;
  const std::string at = where(csv.path);
  CHECK(csv.error("") == at + "has no rows");
  CHECK(csv.error("label,pixel\n") == at + "has no rows");
  CHECK(csv.error("1,2,3,4,5\n1,2\n") == at + "line 2 has 1 pixels, expected 4");
  CHECK(csv.error("1\n") == at + "line 1 has 0 pixels, expected at least 1");
  CHECK(csv.error("1,2\ncat,2\n") ==
        at + "line 2 has the label 'cat', expected a whole number from 0");
  for (const std::string pixel : {"256", "-1", "1.5", "x", ""})
    CHECK(csv.error("1," + pixel + ",1\n") ==
          at + "line 1 has the pixel '" + pixel + "', expected a whole number from 0 to 255");
  CHECK(csv.error("1,2,3\n") == at + "has 2 pixels in a row, which are no square of 3 channels; "
                                     "say how many rows and columns they are");
  CHECK(csv.error("1,2,3,4\n", 2, 2) == at + "has 3 pixels in a row, expected 2x2x0");
}

TEST_CASE("CSV files split by a share, or by their names") {
  TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += std::to_string(i % 2) + "," + std::to_string(i) + "\n";
  write_file(folder / "train.csv", bytes_of(rows));
  const std::string file = "csv:" + (folder / "train.csv"), both = "csv:" + folder.path().string();
  const DatasetOptions options;
  CHECK(load_dataset(file, Split::train, options)->size() == 18);
  CHECK(load_dataset(file, Split::test, options)->size() == 2);
  CHECK(contains(error_of([&] { load_dataset(both, Split::test, options); }),
                 "has no train.csv with val.csv or test.csv"));
  write_file(folder / "val.csv", bytes_of("1,5\n"));
  CHECK(load_dataset(both, Split::train, options)->size() == 20);
  const auto test = load_dataset(both, Split::test, options);
  CHECK(test->size() == 1);
  CHECK(test->classes().size() == 2);
}

}  // namespace tessera::tests
