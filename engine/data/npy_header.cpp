#include "engine/data/npy_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/checked_size.h"
#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t most_header_bytes = 1 << 16;
constexpr std::size_t most_dimensions = 8;
constexpr std::size_t most_text_bytes = 1 << 12;  ///< of one label

/// Reads the literal of a dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  NpyHeader parse() {
    expect("{");
    while (!accept("}")) {
      const std::string key = string();
      expect(":");
      if (key == "descr" && accept("[")) return {.type = "V"};  // a list: not parsed
      if (key == "descr" && !type_)
        type_ = string();
      else if (key == "fortran_order" && !fortran_)
        fortran_ = boolean();
      else if (key == "shape" && !shape_)
        shape_ = tuple();
      else
        throw Error(fmt::format("has '{}', expected each of descr, fortran_order and shape once",
                                shown(key)));
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
    NpyHeader header;
    header.type = *type_;
    header.is_fortran = *fortran_;
    header.shape = *shape_;
    return header;
  }

 private:
  [[noreturn]] void refuse(const char* expected) const {
    throw Error(fmt::format("has '{}', expected {}", shown(rest_.substr(0, 20)), expected));
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
    std::string text(rest_.substr(0, end));
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
    accept("L");  // Python 2's long
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

/// Parses the type: byte order, kind, size.
void read_type(const std::string& path, NpyHeader& header) {
  std::string_view text = header.type;
  const bool has_order = !text.empty() && std::string_view("<>|=").find(text[0]) != text.npos;
  header.is_big_endian = text.starts_with('>');
  if (has_order) text.remove_prefix(1);
  if (text.starts_with('O'))
    throw InvalidFile(path,
                      "has Python objects, which are not supported; save them as numbers or text, "
                      "e.g. np.save(file, array.astype(str)) or array.astype(np.uint8)");
  if (text.starts_with('V'))
    throw InvalidFile(path,
                      "has a structured type (named columns), expected one type for all elements; "
                      "save each column as an array");
  const char kind = text.empty() ? '?' : text[0];
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data() + std::min<std::size_t>(1, text.size()),
                                            text.data() + text.size(), size);
  const bool is_known =
      !text.empty() && error == std::errc() && end == text.data() + text.size() &&
      (((kind == 'i' || kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8)) ||
       (kind == 'f' && (size == 2 || size == 4 || size == 8)) || (kind == 'b' && size == 1) ||
       ((kind == 'S' || kind == 'U') && size > 0 && size <= most_text_bytes));
  if (!is_known)
    throw InvalidFile(path,
                      fmt::format("has elements of type '{}', expected integers, floats of 16, 32 "
                                  "or 64 bits, bool, or text for labels",
                                  shown(header.type)));
  header.kind = kind;
  header.size = kind == 'U' ? 4 * size : size;
}

/// Returns the bytes of the elements; nothing if they do not fit in 63 bits.
std::optional<std::uint64_t> count_bytes(const std::string& path, const NpyHeader& header) {
  if (std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end())
    throw InvalidFile(path, to_string(header.shape) + " has no elements");
  try {
    auto bytes = static_cast<std::int64_t>(header.size);
    for (std::int64_t extent : header.shape) bytes = checked_mul(bytes, extent, "the array");
    return static_cast<std::uint64_t>(bytes);
  } catch (const Error&) {
    return {};
  }
}

std::string read_dict(InputFile& file) {
  constexpr std::array<std::uint8_t, 6> magic = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  std::array<std::uint8_t, 8> start{};
  if (file.read_some(start) < start.size() ||
      !std::equal(magic.begin(), magic.end(), start.begin()))
    throw InvalidFile(file.path(), "is not a NumPy file: it does not start with \\x93NUMPY");
  const std::uint8_t version = start[6];
  if (version < 1 || version > 3)
    throw InvalidFile(file.path(), fmt::format("has version {}, expected 1 to 3", version));
  std::vector<std::uint8_t> bytes(version == 1 ? 2 : 4);
  file.read(bytes, "length of the header");
  std::size_t length = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) length = length << 8 | bytes[i];
  if (length > most_header_bytes)
    throw InvalidFile(file.path(), fmt::format("has a header of {} bytes, expected at most {}",
                                               length, most_header_bytes));
  bytes.resize(length);
  file.read(bytes, "header");
  return {bytes.begin(), bytes.end()};
}

}  // namespace

NpyHeader read_npy_header(InputFile& file, std::uint64_t decoded_size, std::int64_t memory) {
  const std::string dict = read_dict(file);
  NpyHeader header;
  try {
    header = HeaderParser(dict).parse();
  } catch (const Error& error) {
    throw InvalidFile(file.path(), std::string("damaged header: ") + error.what());
  }
  read_type(file.path(), header);
  const std::optional<std::uint64_t> bytes = count_bytes(file.path(), header);
  file.check_claim({bytes, bytes.value_or(0) / header.size * decoded_size, to_string(header.shape)},
                   memory);
  return header;
}

}  // namespace tessera::data
