// Classifies images until the end of its input: one answer for each line of standard input, in
// order. usage: inference_server MODEL    MODEL is a file that `tessera train --out` wrote
//
// A line is the path of an image file, or the bytes of an image of the model's size as numbers
// separated by commas, row by row, channels last. The answer is "CLASS PROBABILITY". For any other
// line it is "error: ...", and the server continues with the next line.
#include <tessera/tessera.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

using namespace tessera;

using Pixels = std::vector<std::uint8_t>;

Pixels parse(const std::string& line, std::size_t size) {
  Pixels pixels;
  const char *at = line.data(), *const end = at + line.size();
  while (at < end) {
    std::uint8_t byte = 0;
    const auto [next, problem] = std::from_chars(at, end, byte);
    if (problem != std::errc() || (next != end && *next != ','))
      throw Error("line", "number " + std::to_string(pixels.size()) + " is none from 0 to 255");
    pixels.push_back(byte);
    at = std::min(next + 1, end);
  }
  if (pixels.size() != size)
    throw Error("line", "has " + std::to_string(pixels.size()) + " numbers, expected " +
                            std::to_string(size));
  return pixels;
}

Pixels read_image(const std::string& line, const ImageInput& input) {
  const auto size = static_cast<std::size_t>(input.height * input.width * input.channels);
  if (line.find_first_not_of("0123456789, ") == std::string::npos) return parse(line, size);
  const auto pictures = load_pictures(
      {line}, {.height = input.height, .width = input.width, .channels = input.channels});
  Pixels pixels(size);
  pictures->read(0, pixels);
  return pixels;
}

int main(int argc, char** argv) try {
  if (argc != 2) throw Error("usage", "inference_server MODEL");
  const auto device = open_device();
  const auto network = load_network(*device, read_checkpoint(argv[1]));
  const ImageModel& model = network->model();
  for (std::string line; std::getline(std::cin, line);) try {
      const std::vector<float> found = network->predict(read_image(line, model.input), 1);
      const auto best = std::max_element(found.begin(), found.end());
      std::cout << model.classes[static_cast<std::size_t>(best - found.begin())] << ' ' << *best
                << std::endl;  // flush: the client waits for the answer
    } catch (const Error& error) {
      std::cout << "error: " << error.what() << std::endl;
    }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
