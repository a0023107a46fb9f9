// Files are untrusted: every number of the header is checked against the file before memory is
// allocated for it.
#include "tessera/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/half.h"
#include "engine/files/atomic_file.h"
#include "engine/files/safetensors_header.h"
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

void read_exactly(std::ifstream& file, void* to, std::uint64_t bytes) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  if (!file) throw Error("truncated or not readable");
}

/// Converts the elements of a tensor.
template <typename From, typename To, typename Convert>
std::vector<std::byte> converted(const std::vector<std::byte>& bytes, const Convert& convert) {
  const std::size_t count = bytes.size() / sizeof(From);
  std::vector<std::byte> result(count * sizeof(To));
  for (std::size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, bytes.data() + i * sizeof from, sizeof from);
    const To to = convert(from);
    std::memcpy(result.data() + i * sizeof to, &to, sizeof to);
  }
  return result;
}

/// Converts integers to i32.
template <typename From>
std::vector<std::byte> as_i32(const std::vector<std::byte>& bytes) {
  return converted<From, std::int32_t>(bytes, [](From value) {
    if (!std::in_range<std::int32_t>(value))
      throw Error(fmt::format("has the element {}, expected numbers of 32 bits", value));
    return static_cast<std::int32_t>(value);
  });
}

float narrowed(double value) {
  const auto narrow = static_cast<float>(value);
  if (std::isinf(narrow) && !std::isinf(value))
    throw Error(fmt::format("has the element {:g}, expected numbers that float32 holds", value));
  return narrow;
}

/// Returns the elements in the type of `TensorFile`.
std::vector<std::byte> decoded(std::string_view type, std::vector<std::byte> bytes) {
  if (type == "F16") return converted<std::uint16_t, float>(bytes, float_of_half);
  if (type == "BF16") return converted<std::uint16_t, float>(bytes, float_of_bfloat16);
  if (type == "F64") return converted<double, float>(bytes, narrowed);
  if (type == "I64") return as_i32<std::int64_t>(bytes);
  if (type == "I16") return as_i32<std::int16_t>(bytes);
  if (type == "I8") return as_i32<std::int8_t>(bytes);
  if (type == "U64") return as_i32<std::uint64_t>(bytes);
  if (type == "U32") return as_i32<std::uint32_t>(bytes);
  if (type == "U16") return as_i32<std::uint16_t>(bytes);
  return bytes;
}

TensorFile::Tensor read_tensor(std::ifstream& file, const HeaderEntry& entry) {
  std::vector<std::byte> bytes(entry.end - entry.begin);
  read_exactly(file, bytes.data(), bytes.size());
  try {
    return {entry.spec, decoded(entry.type->name, std::move(bytes))};
  } catch (const Error& error) {
    throw Error(fmt::format("tensor {} {}", quoted_name(entry.name), error.what()));
  }
}

/// Whether torch.save wrote the file: a zip archive, or a pickle in older files.
bool is_pickle(std::string_view start) {
  return start.starts_with("PK\x03\x04") ||
         (start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5);
}

[[noreturn]] void refuse(const std::string& path, std::string_view start,
                         const std::string& reason) {
  if (!is_pickle(start)) throw Error(reason);
  const std::string file = std::filesystem::path(path).filename().string();
  const std::string stem = file.substr(0, file.rfind('.'));
  throw Error(fmt::format(
      "is a file of torch.save, expected safetensors; two lines of Python convert a state_dict: "
      "`import torch, safetensors.torch` and `safetensors.torch.save_file(torch.load({}, "
      "map_location=\"cpu\", weights_only=True), {})`",
      quoted_name(file), quoted_name(stem + ".safetensors")));
}

std::string read_header(const std::string& path, std::ifstream& file, std::uint64_t file_bytes) {
  std::uint64_t bytes = 0;
  read_exactly(file, &bytes, sizeof bytes);
  const std::string_view start(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  if (bytes > most_header_bytes)
    refuse(path, start,
           fmt::format("not safetensors: a header of {} bytes, expected at most {}", bytes,
                       most_header_bytes));
  if (bytes > file_bytes - sizeof bytes)
    refuse(path, start,
           fmt::format("truncated or not safetensors: a header of {} bytes in a file of {}", bytes,
                       file_bytes));
  std::string text(bytes, '\0');
  read_exactly(file, text.data(), text.size());
  return text;
}

TensorFile read(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path)) throw Error("no such file");
  if (!fs::is_regular_file(path)) throw Error("not a regular file");
  const std::uint64_t file_bytes = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(std::string("cannot be opened: ") + std::strerror(errno));
  SafetensorsHeader header;
  {
    const std::string text = read_header(path, file, file_bytes);
    try {
      header = parse_safetensors_header(text, file_bytes - sizeof(std::uint64_t) - text.size());
    } catch (const Error& error) {
      throw Error(std::string("damaged header: ") + error.what());
    }
  }
  TensorFile result{std::move(header.metadata), {}};
  for (const HeaderEntry& entry : header.entries)
    result.tensors.emplace(entry.name, read_tensor(file, entry));
  return result;
}

using NamedTensor = std::pair<const std::string, TensorFile::Tensor>;

/// Sorts wide elements first, so that every tensor is aligned to its elements, then by name.
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
    if (name == metadata_key) throw Error("a tensor cannot be called " + quoted_name(name));
    if (tensor.bytes.size() != tensor.spec.bytes())
      throw Error(fmt::format("tensor {} is {}, but has {} bytes", quoted_name(name),
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
    throw InvalidFile(path, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    throw InvalidFile(path, "cannot be read: " + error.code().message());
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(path, "needs more memory than is available");
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
