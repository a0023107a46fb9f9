#include "onnx/metadata.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <sstream>

#include "tessera/error.h"
#include "tessera/text.h"

namespace tessera {
namespace {

using Metadata = std::map<std::string, std::string>;

std::vector<std::string> lines_of(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  std::vector<std::string> lines;
  if (found == metadata.end()) return lines;
  std::istringstream text(found->second);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<double> numbers_of(const Metadata& metadata, const char* key) {
  std::vector<double> numbers;
  for (const std::string& line : lines_of(metadata, key)) {
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    double number = 0;
    const auto [end, error] =
        std::from_chars(line.data() + begin, line.data() + line.size(), number);
    if (error != std::errc{} || !std::isfinite(number)) return {};
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

Metadata onnx_metadata(const ImageModel& model) {
  const ImageOptions& options = model.input.options;
  std::vector<std::string> classes;  // a line each
  std::transform(model.classes.begin(), model.classes.end(), std::back_inserter(classes),
                 printable);
  Metadata metadata = {{"tessera.classes", fmt::format("{}", fmt::join(classes, "\n"))},
                       {"tessera.loss", to_string(model.loss)},
                       {"tessera.mean", fmt::format("{}", fmt::join(options.mean, "\n"))},
                       {"tessera.deviation", fmt::format("{}", fmt::join(options.deviation, "\n"))},
                       {"tessera.padding", fmt::format("{}", options.padding)}};
  if (model.input.crop != Crop::none) metadata["tessera.crop"] = to_string(model.input.crop);
  return metadata;
}

ImageOptions image_options(const Metadata& metadata) {
  const std::vector<double> padding = numbers_of(metadata, "tessera.padding");
  const bool known = padding.size() == 1 && padding[0] >= 0 && padding[0] < 1 << 20;
  return {.padding = known ? static_cast<std::int64_t>(padding[0]) : 0,
          .mean = numbers_of(metadata, "tessera.mean"),
          .deviation = numbers_of(metadata, "tessera.deviation")};
}

Crop crop_of(const Metadata& metadata) {
  const auto found = metadata.find("tessera.crop");
  return found != metadata.end() && found->second == "center" ? Crop::center : Crop::none;
}

std::optional<Loss> loss_of(const Metadata& metadata) {
  const auto found = metadata.find("tessera.loss");
  if (found == metadata.end()) return {};
  try {
    return loss_of(found->second);
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> class_names(const Metadata& metadata) {
  return lines_of(metadata, "tessera.classes");
}

}  // namespace tessera
