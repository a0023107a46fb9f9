#include "tools/shared/png.h"

#include <fmt/format.h>
#include <stb/stb_image_write.h>

#include <vector>

#include "tessera/error.h"

namespace tessera::tools {

bool is_picture(const ImageDataset& dataset) { return dataset.channels() <= 4; }

std::string encode_png(const ImageDataset& dataset, std::int64_t index) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(dataset.image_bytes()));
  dataset.read(index, pixels);
  std::string file;
  const auto append = [](void* context, void* bytes, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(bytes),
                                               static_cast<std::size_t>(size));
  };
  const auto width = static_cast<int>(dataset.width()), height = static_cast<int>(dataset.height());
  const auto channels = static_cast<int>(dataset.channels());
  if (!is_picture(dataset) || !stbi_write_png_to_func(append, &file, width, height, channels,
                                                      pixels.data(), width * channels))
    throw Error("png",
                fmt::format("an image of {}x{}x{} cannot be a PNG file, expected 1 to 4 channels",
                            height, width, channels));
  return file;
}

}  // namespace tessera::tools
