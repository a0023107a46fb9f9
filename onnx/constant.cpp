#include "onnx/constant.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

#include "onnx/budget.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

namespace fs = std::filesystem;
using onnx::TensorProto;

[[noreturn]] void fail(const TensorProto& tensor, const std::string& message) {
  throw Error("onnx", fmt::format("tensor '{}' {}", tensor.name(), message));
}

struct Half {
  std::uint16_t bits;
};

struct Bfloat {
  std::uint16_t bits;
};

double to_double(Bfloat bfloat) {
  const std::uint32_t bits = std::uint32_t{bfloat.bits} << 16;
  float number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

double to_double(Half half) {
  const int exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  const double sign = half.bits >> 15 != 0 ? -1 : 1;
  if (exponent == 31)
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -24)
                       : sign * std::ldexp(1024 + fraction, exponent - 25);
}

template <typename Number>
double to_double(Number number) {
  return static_cast<double>(number);
}

template <typename Number>
std::vector<double> decoded(const std::string& raw) {
  std::vector<double> numbers(raw.size() / sizeof(Number));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Number number;
    std::memcpy(&number, raw.data() + i * sizeof number, sizeof number);
    numbers[i] = to_double(number);
  }
  return numbers;
}

/// An element type: its size in raw data, and readers of raw data and of the typed field.
struct Type {
  Constant::Kind kind;
  std::size_t bytes;
  std::vector<double> (*decode)(const std::string& raw);
  std::vector<double> (*read)(const TensorProto& tensor);
};

template <typename Field>
std::vector<double> numbers(const Field& field) {
  return {field.begin(), field.end()};
}

template <typename Number>
std::vector<double> of_16_bits(const TensorProto& tensor) {
  std::vector<double> values;
  for (std::int32_t bits : tensor.int32_data())
    values.push_back(to_double(Number{static_cast<std::uint16_t>(bits)}));
  return values;
}

const Type& type_of(const TensorProto& tensor) {
  using Kind = Constant::Kind;
  constexpr auto floats = [](const TensorProto& t) { return numbers(t.float_data()); };
  constexpr auto doubles = [](const TensorProto& t) { return numbers(t.double_data()); };
  constexpr auto ints = [](const TensorProto& t) { return numbers(t.int32_data()); };
  constexpr auto longs = [](const TensorProto& t) { return numbers(t.int64_data()); };
  constexpr auto unsigneds = [](const TensorProto& t) { return numbers(t.uint64_data()); };
  static const std::pair<int, Type> types[] = {
      {TensorProto::FLOAT, {Kind::number, 4, decoded<float>, floats}},
      {TensorProto::DOUBLE, {Kind::number, 8, decoded<double>, doubles}},
      {TensorProto::FLOAT16, {Kind::number, 2, decoded<Half>, of_16_bits<Half>}},
      {TensorProto::BFLOAT16, {Kind::number, 2, decoded<Bfloat>, of_16_bits<Bfloat>}},
      {TensorProto::BOOL, {Kind::boolean, 1, decoded<std::uint8_t>, ints}},
      {TensorProto::INT8, {Kind::integer, 1, decoded<std::int8_t>, ints}},
      {TensorProto::UINT8, {Kind::integer, 1, decoded<std::uint8_t>, ints}},
      {TensorProto::INT16, {Kind::integer, 2, decoded<std::int16_t>, ints}},
      {TensorProto::UINT16, {Kind::integer, 2, decoded<std::uint16_t>, ints}},
      {TensorProto::INT32, {Kind::integer, 4, decoded<std::int32_t>, ints}},
      {TensorProto::UINT32, {Kind::integer, 4, decoded<std::uint32_t>, unsigneds}},
      {TensorProto::INT64, {Kind::integer, 8, decoded<std::int64_t>, longs}},
      {TensorProto::UINT64, {Kind::integer, 8, decoded<std::uint64_t>, unsigneds}}};
  for (const auto& [number, type] : types)
    if (number == tensor.data_type()) return type;
  fail(tensor, fmt::format("has element type {}, expected numbers", tensor.data_type()));
}

bool is_external(const TensorProto& tensor) {
  return tensor.data_location() == TensorProto::EXTERNAL;
}

/// A range of a file beside the model.
struct External {
  fs::path path;
  std::uint64_t offset = 0, length = 0;
};

std::uint64_t number(const TensorProto& tensor, const std::string& key, const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    fail(tensor, fmt::format("has external data with {} '{}', expected a number", key, text));
  return std::stoull(text);
}

/// Follows links first, since the location of the file counts.
fs::path inside(const TensorProto& tensor, const fs::path& folder, const std::string& location) {
  std::error_code error;
  const fs::path base = fs::weakly_canonical(folder.empty() ? "." : folder, error);
  const fs::path path = fs::weakly_canonical(base / location, error);
  const auto [end, at] = std::mismatch(base.begin(), base.end(), path.begin(), path.end());
  if (error || fs::path(location).is_absolute() || end != base.end() || at == path.end())
    fail(tensor,
         fmt::format("has external data in '{}', expected a file in the folder of the model",
                     location));
  return path;
}

External external(const TensorProto& tensor, const fs::path& folder, std::uint64_t expected) {
  External data{{}, 0, expected};
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") data.path = inside(tensor, folder, entry.value());
    if (entry.key() == "offset") data.offset = number(tensor, "offset", entry.value());
    if (entry.key() == "length") data.length = number(tensor, "length", entry.value());
  }
  if (data.path.empty()) fail(tensor, "has external data without a location");
  std::error_code error;
  const std::uint64_t size = fs::file_size(data.path, error);
  if (error)
    fail(tensor, fmt::format("has external data in '{}', which cannot be read: {}",
                             data.path.filename().string(), error.message()));
  if (data.length != expected || data.offset > size || size - data.offset < data.length)
    fail(tensor, fmt::format("has {} bytes at {} of '{}', expected {} of its {} bytes", data.length,
                             data.offset, data.path.filename().string(), expected, size));
  return data;
}

std::uint64_t bytes_of(const TensorProto& tensor) {
  const Shape shape = shape_of(tensor);
  check_shape(fmt::format("tensor '{}'", tensor.name()), shape);
  return static_cast<std::uint64_t>(element_count(shape)) * type_of(tensor).bytes;
}

std::string raw_data(const TensorProto& tensor, const fs::path& folder) {
  if (!is_external(tensor)) return tensor.raw_data();
  const External data = external(tensor, folder, bytes_of(tensor));
  std::string bytes(data.length, '\0');
  std::ifstream file(data.path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(data.offset));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    fail(tensor, fmt::format("has external data in '{}', which cannot be read",
                             data.path.filename().string()));
  return bytes;
}

bool is_raw(const TensorProto& tensor) { return is_external(tensor) || tensor.has_raw_data(); }

}  // namespace

Shape shape_of(const TensorProto& tensor) { return {tensor.dims().begin(), tensor.dims().end()}; }

void check_data(const TensorProto& tensor, const fs::path& folder) {
  const Type& type = type_of(tensor);
  const std::uint64_t expected = bytes_of(tensor);
  if (is_external(tensor)) {
    external(tensor, folder, expected);
    return;
  }
  const std::uint64_t found =
      tensor.has_raw_data() ? tensor.raw_data().size() : type.read(tensor).size() * type.bytes;
  if (found != expected)
    fail(tensor, fmt::format("has {} bytes, expected {} as in {}", found, expected,
                             to_string(shape_of(tensor))));
}

Constant constant_of(const TensorProto& tensor, const fs::path& folder) {
  const Type& type = type_of(tensor);
  return {type.kind, shape_of(tensor),
          is_raw(tensor) ? type.decode(raw_data(tensor, folder)) : type.read(tensor)};
}

std::vector<float> floats_of(const TensorProto& tensor, const fs::path& folder) {
  if (tensor.data_type() == TensorProto::FLOAT && is_raw(tensor)) {
    const std::string raw = raw_data(tensor, folder);
    std::vector<float> floats(raw.size() / sizeof(float));
    std::memcpy(floats.data(), raw.data(), floats.size() * sizeof(float));
    return floats;
  }
  const std::vector<double> values = constant_of(tensor, folder).numbers;
  std::vector<float> floats;
  for (double value : values) floats.push_back(static_cast<float>(value));
  return floats;
}

std::int64_t whole(double number) {
  if (std::isnan(number)) return 0;
  return number >= 0x1p63    ? std::numeric_limits<std::int64_t>::max()
         : number <= -0x1p63 ? std::numeric_limits<std::int64_t>::min()
                             : static_cast<std::int64_t>(number);
}

std::vector<std::int64_t> integers(const Constant& constant) {
  std::vector<std::int64_t> values;
  for (double number : constant.numbers) values.push_back(whole(number));
  return values;
}

}  // namespace tessera::importer
