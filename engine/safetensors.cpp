// Reading trusts nothing: every number of the header is held against the file before memory is
// allocated for it.
#include "tessera/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/atomic_file.h"
#include "tessera/error.h"

namespace tessera {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little endian");

constexpr std::uint64_t most_header_bytes = 100'000'000;
constexpr const char* metadata_key = "__metadata__";

constexpr struct {
  DType dtype;
  std::string_view name;
} dtypes[] = {{DType::f32, "F32"}, {DType::i32, "I32"}, {DType::u8, "U8"}};

/// A name out of a file as one short line.
std::string quoted(const std::string& name) {
  return json(name.substr(0, 100)).dump(-1, ' ', true, json::error_handler_t::replace);
}

bool fits(const TensorSpec& spec, std::uint64_t bytes, bool wide = false) {
  const std::size_t element = wide ? sizeof(std::int64_t) : size_of(spec.dtype);
  return bytes % element == 0 && bytes / element == static_cast<std::uint64_t>(spec.elements());
}

/// PyTorch's counters; read as i32.
constexpr std::string_view wide_integers = "I64";

/// Where a tensor lies, in bytes from the end of the header.
struct Entry {
  std::string name;
  TensorSpec spec;
  bool wide = false;  ///< elements of 8 bytes in the file
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Refuses what JSON allows but this format does not: a name twice, and deep nesting.
class HeaderFilter {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > 3) throw Error("it is nested too deeply");
    if (event == json::parse_event_t::object_start) names_.emplace_back();
    if (event == json::parse_event_t::object_end) names_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names_.back().insert(name).second) throw Error(quoted(name) + " stands there twice");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> names_;
};

json parse_header(const std::string& text) {
  if (text.empty() || text[0] != '{') throw Error("it does not start with '{'");
  try {
    HeaderFilter filter;
    return json::parse(text, std::ref(filter));
  } catch (const json::parse_error& error) {
    throw Error(fmt::format("it is not JSON (at byte {})", error.byte));
  }
}

std::map<std::string, std::string> parse_metadata(const json& object) {
  if (!object.is_object()) throw Error("the metadata is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) throw Error("metadata " + quoted(key) + " is not a string");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

DType parse_dtype(const json& object) {
  const auto found = object.find("dtype");
  if (found == object.end() || !found->is_string()) throw Error("has no element type");
  for (const auto& [dtype, name] : dtypes)
    if (*found == name) return dtype;
  if (*found == wide_integers) return DType::i32;
  throw Error(fmt::format("has elements of type {}, expected F32, I32, I64 or U8",
                          quoted(found->get<std::string>())));
}

std::vector<std::int64_t> parse_integers(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) throw Error(fmt::format("has no {}", key));
  std::vector<std::int64_t> integers;
  for (const json& value : *found) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX)
      throw Error(fmt::format("{} has something other than integers from 0 to 2^63-1", key));
    integers.push_back(value.get<std::int64_t>());
  }
  return integers;
}

Entry parse_entry(const std::string& name, const json& object) {
  if (!object.is_object()) throw Error("is not an object");
  Entry entry{name, {parse_dtype(object), parse_integers(object, "shape")}};
  entry.wide = object.at("dtype") == wide_integers;
  const auto offsets = parse_integers(object, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    throw Error(
        fmt::format("has data_offsets {}, expected a begin and an end", to_string(Shape(offsets))));
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  if (!fits(entry.spec, entry.end - entry.begin, entry.wide))
    throw Error(
        fmt::format("is {}, but takes {} bytes", to_string(entry.spec), entry.end - entry.begin));
  return entry;
}

/// In the order of the file. The tensors must cover its `data_bytes` without overlap or hole.
std::vector<Entry> parse_entries(const json& header, std::uint64_t data_bytes) {
  std::vector<Entry> entries;
  for (const auto& [name, object] : header.items()) {
    if (name == metadata_key) continue;
    try {
      entries.push_back(parse_entry(name, object));
    } catch (const Error& error) {
      throw Error(fmt::format("tensor {} {}", quoted(name), error.what()));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end)
      throw Error(fmt::format("tensor {} starts at {}, expected {} (an overlap or a hole)",
                              quoted(entry.name), entry.begin, end));
    end = entry.end;
  }
  if (end != data_bytes)
    throw Error(fmt::format("the tensors take {} bytes, but the file has {}", end, data_bytes));
  return entries;
}

void read_exactly(std::ifstream& file, void* to, std::uint64_t bytes) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  if (!file) throw Error("truncated or not readable");
}

/// I64 to i32.
std::vector<std::byte> narrowed(const Entry& entry, const std::vector<std::byte>& bytes) {
  std::vector<std::byte> narrow(bytes.size() / 2);
  for (std::size_t i = 0; i < bytes.size() / sizeof(std::int64_t); ++i) {
    std::int64_t value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    if (value != static_cast<std::int32_t>(value))
      throw Error(fmt::format("tensor {} has the element {}, expected numbers of 32 bits",
                              quoted(entry.name), value));
    const auto element = static_cast<std::int32_t>(value);
    std::memcpy(narrow.data() + i * sizeof element, &element, sizeof element);
  }
  return narrow;
}

TensorFile read(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path)) throw Error("no such file");
  if (!fs::is_regular_file(path)) throw Error("not a regular file");
  const std::uint64_t file_bytes = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(std::string("cannot be opened: ") + std::strerror(errno));
  std::uint64_t header_bytes = 0;
  read_exactly(file, &header_bytes, sizeof header_bytes);
  if (header_bytes > most_header_bytes)
    throw Error(fmt::format("not safetensors: a header of {} bytes, expected at most {}",
                            header_bytes, most_header_bytes));
  if (header_bytes > file_bytes - sizeof header_bytes)
    throw Error(fmt::format("truncated or not safetensors: a header of {} bytes in a file of {}",
                            header_bytes, file_bytes));
  std::string text(header_bytes, '\0');
  read_exactly(file, text.data(), text.size());

  TensorFile result;
  std::vector<Entry> entries;
  try {
    const json header = parse_header(text);
    if (header.contains(metadata_key)) result.metadata = parse_metadata(header[metadata_key]);
    entries = parse_entries(header, file_bytes - sizeof header_bytes - header_bytes);
  } catch (const Error& error) {
    throw Error(std::string("damaged header: ") + error.what());
  }
  for (const Entry& entry : entries) {
    TensorFile::Tensor& tensor = result.tensors[entry.name];
    tensor.spec = entry.spec;
    tensor.bytes.resize(entry.end - entry.begin);
    read_exactly(file, tensor.bytes.data(), tensor.bytes.size());
    if (entry.wide) tensor.bytes = narrowed(entry, tensor.bytes);
  }
  return result;
}

using NamedTensor = std::pair<const std::string, TensorFile::Tensor>;

/// Wide elements first, so that every tensor is aligned to its elements; then by name.
std::vector<const NamedTensor*> file_order(const TensorFile& file) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& named : file.tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return size_of(a->second.spec.dtype) > size_of(b->second.spec.dtype);
  });
  return order;
}

std::string make_header(const TensorFile& file, const std::vector<const NamedTensor*>& order) {
  json header = json::object();
  if (!file.metadata.empty()) header[metadata_key] = file.metadata;
  std::uint64_t offset = 0;
  for (const NamedTensor* named : order) {
    const std::string& name = named->first;
    const TensorFile::Tensor& tensor = named->second;
    if (name == metadata_key) throw Error("a tensor cannot be called " + quoted(name));
    if (!fits(tensor.spec, tensor.bytes.size()))
      throw Error(fmt::format("tensor {} is {}, but has {} bytes", quoted(name),
                              to_string(tensor.spec), tensor.bytes.size()));
    const auto type = std::find_if(std::begin(dtypes), std::end(dtypes), [&](const auto& known) {
      return known.dtype == tensor.spec.dtype;
    });
    header[name] = {{"dtype", type->name},
                    {"shape", tensor.spec.shape},
                    {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > most_header_bytes)
      throw Error(fmt::format("the header has {} bytes, expected at most {}", text.size(),
                              most_header_bytes));
    return text;
  } catch (const json::type_error&) {
    throw Error("a name or metadata is not UTF-8");
  }
}

}  // namespace

TensorFile read_safetensors(const std::string& path) {
  try {
    return read(path);
  } catch (const Error& error) {
    throw Error(path, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(path, "cannot be read: " + error.code().message());
  }
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  const std::vector<const NamedTensor*> order = file_order(file);
  std::string header;
  try {
    header = make_header(file, order);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
  const std::uint64_t header_bytes = header.size();
  std::vector<std::span<const std::byte>> parts = {std::as_bytes(std::span(&header_bytes, 1)),
                                                   std::as_bytes(std::span(std::as_const(header)))};
  for (const NamedTensor* named : order) parts.emplace_back(named->second.bytes);
  write_file_atomically(path, parts);
}

}  // namespace tessera
