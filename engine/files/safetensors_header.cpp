#include "engine/files/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "tessera/error.h"

namespace tessera {
namespace {

using nlohmann::json;

constexpr const char* metadata_key = "__metadata__";
constexpr std::size_t most_dimensions = 64;
/// The most keys of a header, since each short name needs a hundred times its size in memory.
constexpr std::size_t most_keys = 2'000'000;

constexpr ElementType types[] = {
    {"F32", 4, DType::f32}, {"F16", 2, DType::f32}, {"BF16", 2, DType::f32}, {"F64", 8, DType::f32},
    {"I64", 8, DType::i32}, {"I32", 4, DType::i32}, {"I16", 2, DType::i32},  {"I8", 1, DType::i32},
    {"U64", 8, DType::i32}, {"U32", 4, DType::i32}, {"U16", 2, DType::i32},  {"U8", 1, DType::u8},
    {"BOOL", 1, DType::u8},
};

/// A tensor as described in the JSON, before checks.
struct Described {
  std::string name;
  bool is_object = true;
  std::optional<std::string> dtype;
  struct Integers {
    enum class Kind : std::uint8_t { absent, whole, wrong, many } kind = Kind::absent;
    std::vector<std::int64_t> values;
  } shape, offsets;
};

/// Parses the JSON as events, so that nothing unneeded is built, and refuses duplicate names and
/// deep nesting, which this format does not allow.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  std::map<std::string, std::string> metadata;
  std::vector<Described> tensors;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool number_unsigned(number_unsigned_t number) override {
    if (depth_ != 3 || !integers_) return other();
    if (number > INT64_MAX)
      wrong(Described::Integers::Kind::wrong);
    else if (integers_->values.size() == most_dimensions)
      wrong(Described::Integers::Kind::many);
    else
      integers_->values.push_back(static_cast<std::int64_t>(number));
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_)
      metadata[key_] = std::move(text);
    else if (depth_ == 2 && key_ == "dtype")
      tensors.back().dtype = std::move(text);
    else
      return other();
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ > 1) other();
    return deeper();
  }
  bool start_array(std::size_t) override {
    if (depth_ == 2 && !in_metadata_ && (key_ == "shape" || key_ == "data_offsets")) {
      integers_ = &(key_ == "shape" ? tensors.back().shape : tensors.back().offsets);
      integers_->kind = Described::Integers::Kind::whole;
    } else {
      other();
    }
    return deeper();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    if (depth_ == 1) in_metadata_ = false;
    return true;
  }
  bool end_array() override {
    keys_.pop_back();
    --depth_;
    if (depth_ == 2) integers_ = nullptr;
    return true;
  }
  bool key(string_t& name) override {
    if (++count_ > most_keys) throw Error(fmt::format("it has more than {} keys", most_keys));
    if (!keys_.back().insert(name).second) throw Error(quoted_name(name) + " is duplicated");
    key_ = std::move(name);
    if (depth_ != 1) return true;
    in_metadata_ = key_ == metadata_key;
    if (!in_metadata_) tensors.push_back({key_, true, {}, {}, {}});
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const json::exception&) override {
    throw Error(fmt::format("it is not JSON (at byte {})", at));
  }

 private:
  bool deeper() {
    if (++depth_ > 3) throw Error("it is nested too deeply");
    keys_.emplace_back();
    return true;
  }
  void wrong(Described::Integers::Kind kind) {
    if (integers_->kind == Described::Integers::Kind::whole) integers_->kind = kind;
  }
  /// Handles a value of an unexpected kind.
  bool other() {
    if (in_metadata_ && depth_ == 1) throw Error("the metadata is not an object");
    if (in_metadata_) throw Error("metadata " + quoted_name(key_) + " is not a string");
    if (depth_ == 1) tensors.back().is_object = false;
    if (depth_ == 3 && integers_) wrong(Described::Integers::Kind::wrong);
    return true;
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string key_;
  std::vector<std::set<std::string>> keys_;  ///< of the open objects
  std::size_t count_ = 0;
  Described::Integers* integers_ = nullptr;  ///< the open list
};

const ElementType& type_of(const Described& tensor) {
  if (!tensor.dtype) throw Error("has no element type");
  std::vector<std::string_view> names;
  for (const ElementType& type : types) {
    if (type.name == *tensor.dtype) return type;
    names.push_back(type.name);
  }
  throw Error(fmt::format("has elements of type {}, expected {}", quoted_name(*tensor.dtype),
                          fmt::join(names, ", ")));
}

const std::vector<std::int64_t>& integers(const Described::Integers& list, const char* name) {
  using Kind = Described::Integers::Kind;
  if (list.kind == Kind::absent) throw Error(fmt::format("has no {}", name));
  if (list.kind == Kind::many)
    throw Error(fmt::format("has a {} of more than {} numbers", name, most_dimensions));
  if (list.kind == Kind::wrong)
    throw Error(fmt::format("{} has other elements than integers from 0 to 2^63-1", name));
  return list.values;
}

/// "f16[2,3]", as in the file.
std::string in_file(const ElementType& type, const Shape& shape) {
  std::string text(type.name);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text + to_string(shape);
}

HeaderEntry entry_of(const Described& tensor) {
  if (!tensor.is_object) throw Error("is not an object");
  const ElementType& type = type_of(tensor);
  HeaderEntry entry{tensor.name, &type, {type.dtype, integers(tensor.shape, "shape")}, 0, 0};
  const auto& offsets = integers(tensor.offsets, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    throw Error(
        fmt::format("has data_offsets {}, expected a begin and an end", to_string(Shape(offsets))));
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  const std::uint64_t bytes = entry.end - entry.begin;
  if (bytes % type.bytes != 0 ||
      bytes / type.bytes != static_cast<std::uint64_t>(entry.spec.elements()))
    throw Error(fmt::format("is {}, but has {} bytes", in_file(type, entry.spec.shape), bytes));
  return entry;
}

void check_cover(const std::vector<HeaderEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t end = 0;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin != end)
      throw Error(fmt::format("tensor {} starts at {}, expected {} (overlap or hole)",
                              quoted_name(entry.name), entry.begin, end));
    end = entry.end;
  }
  if (end != data_bytes)
    throw Error(fmt::format("the tensors have {} bytes, but the file has {}", end, data_bytes));
}

}  // namespace

std::string quoted_name(const std::string& name) {
  return json(name.substr(0, 100)).dump(-1, ' ', true, json::error_handler_t::replace);
}

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes) {
  if (text.empty() || text[0] != '{') throw Error("it does not start with '{'");
  HeaderReader reader;
  json::sax_parse(text, &reader);
  SafetensorsHeader header{std::move(reader.metadata), {}};
  for (const Described& tensor : reader.tensors) {
    try {
      header.entries.push_back(entry_of(tensor));
    } catch (const Error& error) {
      throw Error(fmt::format("tensor {} {}", quoted_name(tensor.name), error.what()));
    }
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const HeaderEntry& a, const HeaderEntry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  check_cover(header.entries, data_bytes);
  return header;
}

}  // namespace tessera
