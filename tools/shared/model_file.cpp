#include "tools/shared/model_file.h"

#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include "tessera/data.h"
#include "tessera/error.h"

namespace tessera::tools {
namespace {

constexpr std::size_t header_start = 8;  // in safetensors the size of the header comes first

std::string first_bytes(const std::string& path) {
  std::string bytes(header_start + 1, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

bool is_safetensors(const std::string& start) {
  return start.size() > header_start && start[header_start] == '{';
}

/// Whether it is a zip archive or a pickle, as torch.save writes.
bool is_of_torch(const std::string& start) {
  return start.starts_with("PK") || start.starts_with('\x80');
}

bool is_image(const std::string& path) {
  try {
    load_pictures({path}, {.height = 1, .width = 1, .channels = 3});
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool looks_like_model(const std::string& path) {
  std::error_code error;
  if (path.ends_with(".onnx")) return true;
  return std::filesystem::is_regular_file(path, error) && is_safetensors(first_bytes(path));
}

std::string why_no_model(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return "is a folder";
  if (!std::filesystem::is_regular_file(path, error) || looks_like_model(path)) return {};
  if (is_image(path)) return "is an image";
  return is_of_torch(first_bytes(path)) ? "" : "is not a model";
}

Checkpoint read_model(const std::string& path, std::string_view expected) {
  if (const std::string problem = why_no_model(path); !problem.empty())
    throw Error(path, fmt::format("{}, expected {}", problem, expected));
  Checkpoint checkpoint = read_checkpoint(path);
  check_classifier(checkpoint);
  return checkpoint;
}

}  // namespace tessera::tools
