// CSV files: what is read, and what is said about rows that are wrong.
#include "engine/data/csv.h"

#include <doctest/doctest.h>

#include "tessera/data.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

struct Csv {
  TemporaryFolder folder;
  std::string path = folder / "rows.csv";

  data::Images read(const std::string& text, std::int64_t height = 0, std::int64_t width = 0,
                    std::int64_t channels = 0) {
    write_file(path, bytes_of(text));
    return data::read_csv(path, {height, width, channels});
  }
  std::string error(const std::string& text, std::int64_t height = 0, std::int64_t width = 0,
                    std::int64_t channels = 0) {
    return error_of([&] { read(text, height, width, channels); });
  }
};

}  // namespace

TEST_CASE("rows of a label and pixels") {
  Csv csv;
  const data::Images gray = csv.read("label,p0,p1,p2,p3\r\n7,0,1,2,255\r\n3, 4,5 ,6,7\r\n\n");
  CHECK(gray.labels == std::vector<std::int32_t>{7, 3});
  CHECK(gray.pixels == Bytes{0, 1, 2, 255, 4, 5, 6, 7});
  CHECK(gray.height == 2);
  CHECK(gray.width == 2);
  CHECK(gray.channels == 1);
  const data::Images color = csv.read("0,1,2,3");
  CHECK(color.height == 1);
  CHECK(color.channels == 3);
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
  CHECK(csv.error("1,2\n2," + std::string(1 << 17, '7') + "\n") ==
        at + "line 2 is longer than 65664 bytes");
  CHECK(csv.error(std::string("1,2\n2,\0\n", 8)) == at + "line 2 has a zero byte, expected text");
  CHECK(csv.error("1,2\ncat,2\n") ==
        at + "line 2 has the label 'cat', expected a whole number from 0");
  for (const std::string pixel : {"256", "-1", "1.5", "x", ""})
    CHECK(csv.error("1," + pixel + ",1\n") ==
          at + "line 1 has the pixel '" + pixel + "', expected a whole number from 0 to 255");
  CHECK(csv.error("1,2,3\n") ==
        at + "has 2 pixels in a row, which is not a square image of 3 channels; "
             "set the size (--size)");
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

TEST_CASE("packed rows are counted before memory is taken") {
  Csv csv;
  std::string rows;
  for (int i = 0; i < 50'000; ++i) rows += "1,0,0,0,0,0,0,0,0,0\n";
  write_file(csv.path, gzipped(bytes_of(rows)));
  CHECK(data::read_csv(csv.path, {.memory = 650'000}).labels.size() == 50'000);
  CHECK(contains(error_of([&] { data::read_csv(csv.path, {.memory = 100'000}); }),
                 where(csv.path) + "needs 1 MiB (100009 bytes) of memory when decoded"));
  write_file(csv.path, gzipped(bytes_of("1,2\n" + std::string((1 << 20) + 1, '\n'))));
  CHECK(error_of([&] { data::read_csv(csv.path); }) ==
        where(csv.path) + "has more than 1048576 blank lines");
  write_file(csv.path, bytes_of(rows));
  CHECK(data::read_csv(csv.path, {.memory = 0}).labels.size() == 50'000);
}

}  // namespace tessera::tests
