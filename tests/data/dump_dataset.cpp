// dump_dataset NAME [CHANNELS]: prints the images of a data set, none held out, for
// arrays_python.py: a line "N H W C", the class names, the notes, each with its number, the labels
// and the pixels.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <exception>

#include "tessera/data.h"

namespace {

void print_lines(const std::vector<std::string>& lines) {
  fmt::print("{}\n", lines.size());
  for (const std::string& line : lines) fmt::print("{}\n", line);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) return 2;
  tessera::DatasetOptions options{.held_out = 0};
  if (argc > 2) options.channels = std::atoi(argv[2]);
  const auto dataset = tessera::load_dataset(argv[1], tessera::Split::train, options);
  fmt::print("{} {} {} {}\n", dataset->size(), dataset->height(), dataset->width(),
             dataset->channels());
  print_lines(dataset->classes());
  print_lines(dataset->notes());
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> image(static_cast<std::size_t>(dataset->image_bytes())), pixels;
  for (std::int64_t i = 0; i < dataset->size(); ++i) {
    labels.push_back(dataset->read(i, image));
    pixels.insert(pixels.end(), image.begin(), image.end());
  }
  fmt::print("{}\n{}\n", fmt::join(labels, " "), fmt::join(pixels, " "));
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
