// Writes the bytes of an image file: read_image FILE HEIGHT WIDTH CHANNELS CROP
#include <cstdio>
#include <string>
#include <vector>

#include "engine/data/picture.h"
#include "tessera/error.h"

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const tessera::data::PictureSize size{std::stol(argv[2]), std::stol(argv[3]), std::stol(argv[4]),
                                        tessera::crop_of(argv[5])};
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size.bytes()));
  try {
    tessera::data::read_picture(argv[1], size, pixels);
  } catch (const tessera::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::fwrite(pixels.data(), 1, pixels.size(), stdout);
}
