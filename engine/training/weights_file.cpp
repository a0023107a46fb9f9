// Weight files of other programs: split into several files, and with names that wrappers change.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "engine/files/bounded_json.h"
#include "engine/files/safetensors_header.h"
#include "tessera/error.h"
#include "tessera/state_dict.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

using Layouts = std::map<std::string, TorchLayout>;

/// Prefixes that wrappers add to the names of the wrapped module.
constexpr std::array<std::string_view, 4> prefixes = {"module.", "_orig_mod.", "model.",
                                                      "state_dict."};
/// The prefixes that may also occur inside names, for a wrapped part of a model.
constexpr std::array<std::string_view, 2> inner = {"module.", "_orig_mod."};

std::string without_inner(std::string name) {
  for (const std::string_view wrapper : inner)
    for (std::size_t at = 0; (at = name.find(wrapper, at)) != name.npos;)
      if (at == 0 || name[at - 1] == '.')
        name.erase(at, wrapper.size());
      else
        ++at;
  return name;
}

/// Returns our name of a tensor, or nothing if it has none.
std::optional<std::string> name_here(std::string name, const Layouts& layouts) {
  while (true) {
    if (layouts.contains(name)) return name;
    if (std::string plain = without_inner(name); layouts.contains(plain)) return plain;
    const auto prefix = std::find_if(prefixes.begin(), prefixes.end(), [&](std::string_view start) {
      return name.starts_with(start);
    });
    if (prefix == prefixes.end()) return {};
    name.erase(0, prefix->size());
  }
}

std::string read_index(const std::string& path) {
  constexpr std::uintmax_t most_bytes = 100'000'000;
  std::error_code error;
  if (!fs::exists(path, error)) throw Error("no such file");
  if (!fs::is_regular_file(path, error)) throw Error("not a regular file");
  if (const std::uintmax_t bytes = fs::file_size(path, error); error || bytes > most_bytes)
    throw Error(fmt::format("has {} bytes, expected at most {}", bytes, most_bytes));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error("cannot be read");
  return text;
}

/// Reads the tensor names of each file. The files must be in the folder of the index.
std::map<std::string, std::vector<std::string>> parse_index(const std::string& text) {
  std::map<std::string, std::vector<std::string>> files;
  const json index = parse_json<json>(text);
  for (const auto& [name, value] : json_object(index, "weight_map").items()) {
    const auto file = json_value<std::string>(value, "the file of " + quoted_name(name));
    if (file.empty() || file == "." || file == ".." || file.find('/') != file.npos ||
        file.find('\0') != file.npos)
      throw Error(fmt::format("tensor {} is in {}, expected a file of the same folder",
                              quoted_name(name), quoted_name(file)));
    files[file].push_back(name);
  }
  return files;
}

TensorFile read_parts(const std::string& path) {
  TensorFile all;
  for (const auto& [file, names] : parse_index(read_index(path))) {
    const std::string part = (fs::path(path).parent_path() / file).string();
    TensorFile read = read_safetensors(part);
    for (const std::string& name : names) {
      auto tensor = read.tensors.extract(name);
      if (!tensor)
        throw Error(fmt::format("{} has no tensor {}", quoted_name(file), quoted_name(name)));
      all.tensors.insert(std::move(tensor));
    }
    all.metadata.merge(read.metadata);
  }
  return all;
}

}  // namespace

TensorFile read_weights(const std::string& path) {
  if (!path.ends_with(".json")) return read_safetensors(path);
  try {
    return read_parts(path);
  } catch (const Error& error) {
    throw InvalidFile(path, error.what());
  }
}

std::map<std::string, std::string> names_in_file(const TensorFile& file, const Layouts& layouts) {
  std::map<std::string, std::string> names;
  for (const auto& [name, tensor] : file.tensors) {
    const auto here = name_here(name, layouts);
    if (!here) continue;
    const auto [found, added] = names.emplace(*here, name);
    if (!added)
      throw Error("state_dict", fmt::format("'{}' is duplicated, as {} and as {}", *here,
                                            quoted_name(found->second), quoted_name(name)));
  }
  return names;
}

}  // namespace tessera
