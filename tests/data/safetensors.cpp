// safetensors files: round trips, and every kind of damage.
#include "tessera/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

#include "tessera/checkpoint.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

TensorFile::Tensor tensor(DType dtype, Shape shape) {
  TensorFile::Tensor result{{dtype, std::move(shape)}, {}};
  for (std::size_t i = 0; i < result.spec.bytes(); ++i)
    result.bytes.push_back(static_cast<std::byte>(i * 7 + 3));
  return result;
}

TensorFile example() {
  TensorFile file;
  file.metadata = {{"format", "test"}, {"note", "two\nlines, \"quotes\" and \xc3\xa4"}};
  file.tensors["a"] = tensor(DType::u8, {3});
  file.tensors["b"] = tensor(DType::f32, {2, 3});
  file.tensors["c"] = tensor(DType::i32, {});
  file.tensors["d"] = tensor(DType::f32, {0, 5});
  return file;
}

void check_equal(const TensorFile& found, const TensorFile& expected) {
  CHECK(found.metadata == expected.metadata);
  REQUIRE(found.tensors.size() == expected.tensors.size());
  for (const auto& tensor : expected.tensors) {
    CAPTURE(tensor.first);
    REQUIRE(found.tensors.count(tensor.first) == 1);
    CHECK(found.tensors.at(tensor.first).spec == tensor.second.spec);
    CHECK(found.tensors.at(tensor.first).bytes == tensor.second.bytes);
  }
}

/// A file of this header and so many bytes of data.
Bytes file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  Bytes bytes(sizeof size + size + data_bytes, 1);
  std::memcpy(bytes.data(), &size, sizeof size);
  std::copy(header.begin(), header.end(), bytes.begin() + sizeof size);
  return bytes;
}

std::string error_of_file(const Bytes& bytes) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  write_file(path, bytes);
  const std::string error = error_of([&] { read_safetensors(path); });
  if (error.empty()) return error;
  const std::string start = where(path);
  REQUIRE(error.substr(0, start.size()) == start);
  CHECK_FALSE(contains(error, "\n"));
  return error.substr(start.size());
}

std::string error_of_header(const std::string& header, std::size_t data_bytes = 8) {
  const std::string error = error_of_file(file_of(header, data_bytes));
  const std::string start = "damaged header: ";
  REQUIRE(error.substr(0, start.size()) == start);
  return error.substr(start.size());
}

}  // namespace

TEST_CASE("safetensors come back as they were written") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  for (const TensorFile& file : {example(), TensorFile{}}) {
    write_safetensors(path, file);
    check_equal(read_safetensors(path), file);
  }
}

TEST_CASE("the data of a safetensors file is aligned") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  TensorFile file = example();
  for (int i = 0; i < 8; ++i) {
    file.metadata["note"] += "x";
    write_safetensors(path, file);
    const Bytes bytes = read_file(path);
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
    CHECK(header_bytes % 8 == 0);
    // u8 comes last, so that wider elements stay aligned
    CHECK(std::memcmp(&bytes[bytes.size() - 3], file.tensors["a"].bytes.data(), 3) == 0);
  }
}

TEST_CASE("a safetensors file that is not there or not a file is named") {
  const TemporaryFolder folder;
  CHECK(error_of([&] { read_safetensors(folder / "none"); }) ==
        where(folder / "none") + "no such file");
  CHECK(error_of([&] { read_safetensors(folder.path().string()); }) ==
        where(folder.path().string()) + "not a regular file");
}

TEST_CASE("a truncated safetensors file is refused at every length") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  write_safetensors(path, example());
  const Bytes whole = read_file(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of_file(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))) != "");
  }
  CHECK(error_of_file({8, 0, 0, 0, 0}) == "truncated or not readable");
  Bytes more = whole;
  more.push_back(0);
  CHECK(error_of_file(more) == "damaged header: the tensors have 31 bytes, but the file has 32");
}

TEST_CASE("a header length out of bounds is refused before memory is taken") {
  Bytes bytes = file_of("{}", 0);
  bytes[7] = 0x7f;
  CHECK(error_of_file(bytes) ==
        "not safetensors: a header of 9151314442816847874 bytes, expected at most 100000000");
  bytes[7] = 0;
  bytes[0] = 3;
  CHECK(error_of_file(bytes) ==
        "truncated or not safetensors: a header of 3 bytes in a file of 10");
}

TEST_CASE("a header that is not the right JSON is refused") {
  CHECK(error_of_header("") == "it does not start with '{'");
  CHECK(error_of_header("[]") == "it does not start with '{'");
  CHECK(error_of_header("{\"x\"") == "it is not JSON (at byte 5)");
  CHECK(contains(error_of_header("{\"\xff\":1}"), "it is not JSON"));
  CHECK(contains(error_of_header("{} x"), "it is not JSON"));
  CHECK(error_of_header(R"({"x":{"shape":[[[[[[1]]]]]]}})") == "it is nested too deeply");
  CHECK(contains(error_of_header("{\"x\":" + std::string(1'000'000, '[')), "nested too deeply"));
  CHECK(error_of_header(R"({"__metadata__":1})") == "the metadata is not an object");
  CHECK(error_of_header(R"({"__metadata__":{"a":1}})") == "metadata \"a\" is not a string");
  CHECK(error_of_header(R"({"x":{},"x":{}})") == "\"x\" is duplicated");
  CHECK(error_of_header(R"({"x\ny":1})") == R"(tensor "x\ny" is not an object)");
}

TEST_CASE("a message shows the start of a long name, even if that cuts a letter in two") {
  const std::string start(99, 'x');
  CHECK(error_of_header("{\"" + start + "\xc3\xa4" + std::string(1000, 'y') + "\":1}") ==
        "tensor \"" + start + "\\ufffd\" is not an object");
}

TEST_CASE("a tensor that does not add up is refused") {
  const auto error = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return error_of_header(R"({"x":{"dtype":)" + dtype + R"(,"shape":)" + shape +
                           R"(,"data_offsets":)" + offsets + "}}");
  };
  const std::string f32 = "\"F32\"";
  CHECK(error("1", "[2]", "[0,8]") == "tensor \"x\" has no element type");
  CHECK(
      error("\"F8_E4M3\"", "[8]", "[0,8]") ==
      "tensor \"x\" has elements of type \"F8_E4M3\", expected F32, F16, BF16, F64, I64, I32, I16, "
      "I8, U64, U32, U16, U8, BOOL");
  CHECK(error("\"F16\"", "[3]", "[0,8]") == "tensor \"x\" is f16[3], but has 8 bytes");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  CHECK(error(f32, "[" + ones + "]", "[0,8]") ==
        "tensor \"x\" has a shape of more than 64 numbers");
  CHECK(error(f32, "2", "[0,8]") == "tensor \"x\" has no shape");
  CHECK(error(f32, "[2]", "{}") == "tensor \"x\" has no data_offsets");
  for (const char* wrong : {"[-2]", "[2.0]", "[\"2\"]", "[9223372036854775808]", "[1e99]"})
    CHECK(error(f32, wrong, "[0,8]") ==
          "tensor \"x\" shape has other elements than integers from 0 to 2^63-1");
  CHECK(error(f32, "[4294967296,4294967296]", "[0,8]") ==
        "tensor \"x\" [shape] too many elements in [4294967296,4294967296]");
  CHECK(error(f32, "[3]", "[0,8]") == "tensor \"x\" is f32[3], but has 8 bytes");
  CHECK(error(f32, "[2]", "[0,9]") == "tensor \"x\" is f32[2], but has 9 bytes");
  CHECK(error(f32, "[4611686018427387906]", "[0,8]") ==
        "tensor \"x\" is f32[4611686018427387906], but has 8 bytes");  // 8 modulo 2^64
  CHECK(error(f32, "[2]", "[8,0]") ==
        "tensor \"x\" has data_offsets [8,0], expected a begin and an end");
  CHECK(error(f32, "[2]", "[0,8,16]") ==
        "tensor \"x\" has data_offsets [0,8,16], expected a begin and an end");
  CHECK(error(f32, "[2]", "[8,16]") == "tensor \"x\" starts at 8, expected 0 (overlap or hole)");
  CHECK(error(f32, "[4]", "[0,16]") == "the tensors have 16 bytes, but the file has 8");
}

TEST_CASE("PyTorch's integers of 64 bits are read as those of 32, or refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  Bytes bytes = file_of(R"({"n":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})", 16);
  const auto write = [&](std::int64_t first, std::int64_t second) {
    std::memcpy(&bytes[bytes.size() - 16], &first, 8);
    std::memcpy(&bytes[bytes.size() - 8], &second, 8);
    write_file(path, bytes);
  };
  write(-5, 2147483647);
  const TensorFile::Tensor n = read_safetensors(path).tensors.at("n");
  CHECK(n.spec == TensorSpec{DType::i32, {2}});
  std::int32_t values[2];
  REQUIRE(n.bytes.size() == sizeof values);
  std::memcpy(values, n.bytes.data(), sizeof values);
  CHECK(values[0] == -5);
  CHECK(values[1] == 2147483647);
  write(0, 2147483648);
  CHECK(error_of_file(bytes) ==
        "tensor \"n\" has the element 2147483648, expected numbers of 32 bits");
}

namespace {

/// The tensor of a file whose elements have these bits.
template <typename Element>
TensorFile::Tensor read_elements(const std::string& type, const std::vector<Element>& elements) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  const std::size_t size = elements.size() * sizeof(Element);
  Bytes bytes =
      file_of(fmt::format(R"({{"x":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", type,
                          elements.size(), size),
              size);
  std::memcpy(&bytes[bytes.size() - size], elements.data(), size);
  write_file(path, bytes);
  return read_safetensors(path).tensors.at("x");
}

template <typename Element>
std::vector<float> read_floats(const std::string& type, const std::vector<Element>& elements) {
  const TensorFile::Tensor x = read_elements(type, elements);
  REQUIRE(x.spec == TensorSpec{DType::f32, {std::ssize(elements)}});
  std::vector<float> values(elements.size());
  REQUIRE(x.bytes.size() == values.size() * sizeof(float));
  std::memcpy(values.data(), x.bytes.data(), x.bytes.size());
  return values;
}

template <typename Element>
std::vector<std::int32_t> read_integers(const std::string& type,
                                        const std::vector<Element>& elements) {
  const TensorFile::Tensor x = read_elements(type, elements);
  REQUIRE(x.spec == TensorSpec{DType::i32, {std::ssize(elements)}});
  std::vector<std::int32_t> values(elements.size());
  REQUIRE(x.bytes.size() == values.size() * sizeof(std::int32_t));
  std::memcpy(values.data(), x.bytes.data(), x.bytes.size());
  return values;
}

}  // namespace

TEST_CASE("floats of 16 and 64 bits are read as float32") {
  using Half = std::vector<std::uint16_t>;
  // 1, -2, the largest, the smallest normal and subnormal ones, zeros, infinity
  CHECK(read_floats("F16", Half{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x83ff, 0, 0x7c00}) ==
        std::vector<float>{1, -2, 65504, 6.103515625e-05f, 5.960464477539063e-08f,
                           -6.097555160522461e-05f, 0, INFINITY});
  CHECK(std::signbit(read_floats("F16", Half{0x8000})[0]));
  CHECK(std::isnan(read_floats("F16", Half{0x7e01})[0]));
  CHECK(read_floats("BF16", Half{0x3f80, 0xc000, 0x7f80, 0x0001}) ==
        std::vector<float>{1, -2, INFINITY, 9.183549615799121e-41f});
  CHECK(read_floats("F64", std::vector<double>{0.1, -1e300 * 1e10, 1e-300}) ==
        std::vector<float>{0.1f, -INFINITY, 0});
  CHECK(contains(error_of([] {
                   read_floats("F64", std::vector<double>{1, 1e300});
                 }),
                 "tensor \"x\" has the element 1e+300, expected numbers that float32 holds"));
}

TEST_CASE("integers of any width are read as i32, and truth values as u8") {
  using Integers = std::vector<std::int32_t>;
  CHECK(read_integers("I8", std::vector<std::int8_t>{-128, 127}) == Integers{-128, 127});
  CHECK(read_integers("I16", std::vector<std::int16_t>{-32768, 5}) == Integers{-32768, 5});
  CHECK(read_integers("U16", std::vector<std::uint16_t>{65535}) == Integers{65535});
  CHECK(read_integers("U32", std::vector<std::uint32_t>{7}) == Integers{7});
  CHECK(read_integers("U64", std::vector<std::uint64_t>{8}) == Integers{8});
  CHECK(contains(error_of([] { read_integers("U32", std::vector<std::uint32_t>{1u << 31}); }),
                 "has the element 2147483648, expected numbers of 32 bits"));
  const TensorFile::Tensor truth = read_elements("BOOL", std::vector<std::uint8_t>{0, 1});
  CHECK(truth.spec == TensorSpec{DType::u8, {2}});
}

TEST_CASE("a file of torch.save is answered with what converts it") {
  for (const Bytes& start :
       {Bytes{'P', 'K', 3, 4, 0, 0, 8, 8, 0, 0}, Bytes{0x80, 2, 0x8a, 10, 'l', 0xfc, 0x9c, 'F'}}) {
    const std::string error = error_of_file(start);
    CHECK(contains(error, "is a file of torch.save, expected safetensors"));
    CHECK(contains(error, "`import torch, safetensors.torch`"));
    CHECK(contains(error, "save_file(torch.load(\"x.safetensors\""));
  }
  // A header of 0x280 bytes begins like a pickle.
  const std::string header = "{}" + std::string(0x280 - 2, ' ');
  CHECK(error_of_file(file_of(header, 0)) == "");
}

TEST_CASE("a header of many tensors takes time and memory in proportion") {
  std::string header = "{";
  for (int i = 0; i < 30000; ++i)
    header +=
        fmt::format(R"({}"layer.{}.weight":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}})",
                    i ? "," : "", i, 4 * i, 4 * i + 4);
  const std::clock_t begin = std::clock();
  CHECK(error_of_file(file_of(header + "}", 4 * 30000)) == "");
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 1);
}

TEST_CASE("metadata of a checkpoint that are nested deeply are refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  TensorFile file;
  file.metadata = {{"format", "tessera-1"}, {"model", "lenet5"}, {"classes", "[]"}};
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  for (const std::string& training : {deep, "{\"data\":" + deep + "}"}) {
    file.metadata["input"] =
        R"({"height":8,"width":8,"channels":1,"padding":0,"mean":[],"deviation":[]})";
    file.metadata["training"] = training;
    write_safetensors(path, file);
    CHECK(error_of([&] { read_checkpoint(path); }) ==
          where(path) + "has damaged metadata: it is nested deeper than 16");
  }
  file.metadata["training"] = "{}";
  write_safetensors(path, file);
  CHECK(error_of([&] { read_checkpoint(path); }) ==
        where(path) + "has damaged metadata: 'generator' is missing");
  file.metadata.erase("input");
  write_safetensors(path, file);
  CHECK(error_of([&] { read_checkpoint(path); }) ==
        where(path) + "has damaged metadata: 'input' is missing");
}

TEST_CASE("tensors that overlap or leave a hole are refused") {
  const auto error = [](const std::string& second) {
    return error_of_header(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                           R"("y":{"dtype":"U8","shape":[4],"data_offsets":)" +
                           second + "}}");
  };
  CHECK(error("[3,7]") == "tensor \"y\" starts at 3, expected 4 (overlap or hole)");
  CHECK(error("[0,4]") == "tensor \"y\" starts at 0, expected 4 (overlap or hole)");
  CHECK(error("[5,9]") == "tensor \"y\" starts at 5, expected 4 (overlap or hole)");
}

TEST_CASE("what a safetensors file cannot hold is not written") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  const auto error = [&](const TensorFile& file) {
    const std::string message = error_of([&] { write_safetensors(path, file); });
    CHECK(std::filesystem::is_empty(folder.path()));
    return message;
  };
  TensorFile file = example();
  file.tensors["b"].bytes.pop_back();
  CHECK(error(file) == where(path) + "tensor \"b\" is f32[2,3], but has 23 bytes");
  file = example();
  file.tensors["__metadata__"] = tensor(DType::u8, {1});
  CHECK(error(file) == where(path) + "a tensor cannot be called \"__metadata__\"");
  file = example();
  file.tensors["\xff"] = tensor(DType::u8, {1});
  CHECK(error(file) == where(path) + "a name or metadata is not UTF-8");
  file = example();
  file.metadata["x"] = "\xff";
  CHECK(error(file) == where(path) + "a name or metadata is not UTF-8");
}

}  // namespace tessera::tests
