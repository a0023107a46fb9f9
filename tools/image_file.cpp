#include "tools/image_file.h"

#include <fmt/format.h>
#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>

#include <filesystem>
#include <memory>

#include "tessera/error.h"

namespace tessera::tools {

std::vector<std::uint8_t> read_image(const std::string& path, const ImageInput& input) {
  if (!std::filesystem::exists(path)) throw Error(path, "there is no such file");
  int width = 0, height = 0, channels_in_file = 0;
  const auto channels = static_cast<int>(input.channels);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load(path.c_str(), &width, &height, &channels_in_file, channels), stbi_image_free);
  if (!pixels)
    throw Error(path, fmt::format("is not a PNG, PGM or PPM picture: {}", stbi_failure_reason()));
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(input.height * input.width * input.channels));
  if (!stbir_resize_uint8(pixels.get(), width, height, 0, bytes.data(),
                          static_cast<int>(input.width), static_cast<int>(input.height), 0,
                          channels))
    throw Error(path, fmt::format("{}x{} cannot be scaled to {}x{}", width, height, input.width,
                                  input.height));
  return bytes;
}

}  // namespace tessera::tools
