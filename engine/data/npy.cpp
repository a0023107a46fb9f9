// Reading trusts nothing: sizes of the header are held against the file before memory is allocated.
#include "engine/data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/data/input_file.h"
#include "tessera/error.h"
#include "tessera/spec.h"

namespace tessera::data {
namespace {

constexpr std::size_t most_header_bytes = 1 << 16;
constexpr std::size_t most_dimensions = 8;

struct Header {
  std::string type;
  Shape shape;
};

/// Reads the literal of a dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Header parse() {
    expect("{");
    while (!accept("}")) {
      const std::string key = string();
      expect(":");
      if (key == "descr" && !type_)
        type_ = string();
      else if (key == "fortran_order" && !fortran_)
        fortran_ = boolean();
      else if (key == "shape" && !shape_)
        shape_ = tuple();
      else
        throw Error(fmt::format("has '{}', expected each of descr, fortran_order and shape once",
                                key.substr(0, 40)));
      if (accept(",")) continue;
      expect("}");
      break;
    }
    skip_space();
    if (!rest_.empty()) refuse("nothing more");
    if (!type_ || !fortran_ || !shape_)
      throw Error(fmt::format("has no {}", !type_      ? "descr"
                                           : !fortran_ ? "fortran_order"
                                                       : "shape"));
    if (*fortran_) throw Error("is in Fortran's order, expected C's");
    return {*type_, *shape_};
  }

 private:
  static std::string printable(std::string_view found) {
    std::string text(found);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
  }
  [[noreturn]] void refuse(const char* expected) const {
    throw Error(fmt::format("has '{}', expected {}", printable(rest_.substr(0, 20)), expected));
  }
  void skip_space() {
    const std::size_t first = rest_.find_first_not_of(" \n");
    rest_.remove_prefix(std::min(first, rest_.size()));
  }
  bool accept(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(const char* token) {
    if (!accept(token)) refuse(token);
  }
  std::string string() {
    const char* quote = accept("'") ? "'" : "\"";
    if (*quote == '"') expect("\"");
    const std::size_t end = rest_.find_first_of(quote);
    if (end == std::string_view::npos) refuse("the end of a string");
    std::string text = printable(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    if (accept("True")) return true;
    if (!accept("False")) refuse("True or False");
    return false;
  }
  std::int64_t integer() {
    skip_space();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc() || number < 0) refuse("a dimension");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }
  Shape tuple() {
    Shape shape;
    expect("(");
    while (!accept(")")) {
      shape.push_back(integer());
      if (shape.size() > most_dimensions) throw Error("has too many dimensions");
      if (accept(",")) continue;
      expect(")");
      break;
    }
    return shape;
  }

  std::string_view rest_;
  std::optional<std::string> type_;
  std::optional<bool> fortran_;
  std::optional<Shape> shape_;
};

Header read_header(InputFile& file) {
  constexpr std::array<std::uint8_t, 6> magic = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  std::array<std::uint8_t, 8> start{};
  if (file.read_some(start) < start.size() ||
      !std::equal(magic.begin(), magic.end(), start.begin()))
    throw Error(file.path(), "is not a file of NumPy: it does not start with \\x93NUMPY");
  const std::uint8_t version = start[6];
  if (version < 1 || version > 3)
    throw Error(file.path(), fmt::format("has version {}, expected 1 to 3", version));
  std::vector<std::uint8_t> bytes(version == 1 ? 2 : 4);
  file.read(bytes, "length of the header");
  std::size_t length = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) length = length << 8 | bytes[i];
  if (length > most_header_bytes)
    throw Error(file.path(), fmt::format("has a header of {} bytes, expected at most {}", length,
                                         most_header_bytes));
  bytes.resize(length);
  file.read(bytes, "header");
  try {
    return HeaderParser({reinterpret_cast<const char*>(bytes.data()), length}).parse();
  } catch (const Error& error) {
    throw Error(file.path(), std::string("damaged header: ") + error.what());
  }
}

/// All elements; the file must end behind them.
std::vector<std::uint8_t> read_elements(InputFile& file, const Shape& shape, std::size_t size) {
  std::uint64_t bytes = size;
  for (std::int64_t extent : shape) {
    if (extent == 0) throw Error(file.path(), to_string(shape) + " has no elements");
    if (static_cast<std::uint64_t>(extent) > file.most_bytes() / bytes)
      throw Error(file.path(), fmt::format("truncated or damaged: it is too small to hold {}",
                                           to_string(shape)));
    bytes *= static_cast<std::uint64_t>(extent);
  }
  std::vector<std::uint8_t> elements(bytes);
  file.read(elements, "elements");
  std::array<std::uint8_t, 1> more{};
  if (file.read_some(more) != 0)
    throw Error(file.path(), "has more bytes than its dimensions " + to_string(shape) + " take");
  return elements;
}

/// 0 to 1 as bytes.
std::vector<std::uint8_t> bytes_of_floats(const std::string& path,
                                          const std::vector<std::uint8_t>& elements) {
  std::vector<std::uint8_t> bytes(elements.size() / sizeof(float));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    float x;
    std::memcpy(&x, elements.data() + i * sizeof x, sizeof x);
    if (!(x >= 0 && x <= 1))
      throw Error(path, fmt::format("element {} is {}, expected float32 from 0 to 1", i, x));
    bytes[i] = static_cast<std::uint8_t>(std::lround(255 * x));
  }
  return bytes;
}

Images read_images(const std::string& path) {
  InputFile file(path);
  const Header header = read_header(file);
  Shape shape = header.shape;
  if (header.type != "|u1" && header.type != "<f4")
    throw Error(path, fmt::format("has elements of type '{}', expected '|u1' (uint8) or '<f4' "
                                  "(float32)",
                                  header.type.substr(0, 40)));
  if (shape.size() == 3) shape.push_back(1);
  if (shape.size() != 4)
    throw Error(path, fmt::format("is {}, expected [N,H,W,C] or [N,H,W]", to_string(shape)));
  const bool floats = header.type == "<f4";
  std::vector<std::uint8_t> elements = read_elements(file, shape, floats ? sizeof(float) : 1);
  if (floats) elements = bytes_of_floats(path, elements);
  return {shape[1], shape[2], shape[3], std::move(elements),
          std::vector<std::int32_t>(static_cast<std::size_t>(shape[0]))};
}

template <typename T>
std::int64_t element(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::in_range<std::int64_t>(value) ? static_cast<std::int64_t>(value) : -1;
}

constexpr struct {
  std::string_view type;
  std::size_t size;
  std::int64_t (*element)(const std::uint8_t* at);
} integers[] = {{"|u1", 1, element<std::uint8_t>},  {"|i1", 1, element<std::int8_t>},
                {"<u2", 2, element<std::uint16_t>}, {"<i2", 2, element<std::int16_t>},
                {"<u4", 4, element<std::uint32_t>}, {"<i4", 4, element<std::int32_t>},
                {"<u8", 8, element<std::uint64_t>}, {"<i8", 8, element<std::int64_t>}};

std::vector<std::int32_t> read_labels(const std::string& path) {
  InputFile file(path);
  const Header header = read_header(file);
  const auto* const type = std::find_if(std::begin(integers), std::end(integers),
                                        [&](const auto& row) { return row.type == header.type; });
  if (type == std::end(integers))
    throw Error(path, fmt::format("has elements of type '{}', expected integers, little endian",
                                  header.type.substr(0, 40)));
  if (header.shape.size() != 1)
    throw Error(path, fmt::format("is {}, expected [N]", to_string(header.shape)));
  const auto elements = read_elements(file, header.shape, type->size);
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < elements.size(); i += type->size) {
    const std::int64_t label = type->element(elements.data() + i);
    if (label < 0 || label > std::numeric_limits<std::int32_t>::max())
      throw Error(path, fmt::format("label {} of image {} is out of range", label, labels.size()));
    labels.push_back(static_cast<std::int32_t>(label));
  }
  return labels;
}

}  // namespace

Images read_npy(const std::string& images_path, const std::string& labels_path) {
  std::vector<std::int32_t> labels = read_labels(labels_path);
  Images images = read_images(images_path);
  if (images.labels.size() != labels.size())
    throw Error(images_path, fmt::format("has {} images, but {} has {} labels",
                                         images.labels.size(), labels_path, labels.size()));
  images.labels = std::move(labels);
  return images;
}

}  // namespace tessera::data
