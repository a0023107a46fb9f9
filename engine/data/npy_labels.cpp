#include "engine/data/npy_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/data/label_names.h"
#include "engine/data/npy_elements.h"
#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::int64_t most_label = std::numeric_limits<std::int32_t>::max();

/// A column [N].
void read_numbers(InputFile& file, const NpyHeader& header, std::vector<std::int32_t>& labels) {
  for_each_number(file, header, [&](std::span<const double> part) {
    for (double label : part) {
      if (label != std::floor(label))  // NaN too
        throw InvalidFile(file.path(), fmt::format("label {} of image {} is not an integer", label,
                                                   labels.size()));
      if (label < 0 || label > static_cast<double>(most_label))
        throw InvalidFile(file.path(),
                          fmt::format("label {} of image {} is out of range",
                                      static_cast<std::int64_t>(label), labels.size()));
      labels.push_back(static_cast<std::int32_t>(label));
    }
  });
}

/// [N,K]: reads the position of the one in each row.
void read_one_hot(InputFile& file, const NpyHeader& header, std::vector<std::int32_t>& labels) {
  const std::int64_t classes = header.shape[1];
  labels.assign(static_cast<std::size_t>(header.shape[0]), -1);
  const auto refuse = [&](std::int64_t image) {
    throw InvalidFile(
        file.path(),
        fmt::format(
            "is {}, but row {} is not one-hot; expected one label per image, [N], or one-hot rows",
            to_string(header.shape), image));
  };
  Places places(header, {classes, 1});
  for_each_number(file, header, [&](std::span<const double> part) {
    for (double value : part) {
      const std::int64_t place = places.next(), image = place / classes;
      std::int32_t& label = labels[static_cast<std::size_t>(image)];
      if (value == 0) continue;
      if (value != 1 || label >= 0) refuse(image);
      label = static_cast<std::int32_t>(place % classes);
    }
  });
  const auto none = std::find(labels.begin(), labels.end(), -1);
  if (none != labels.end()) refuse(none - labels.begin());
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code >= 0x110000) return add(0xff);  // invalid UTF-8, which is refused later
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xe0 | code >> 12);
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 63));
    }
    add(0x80 | (code >> 6 & 63));
  }
  add(0x80 | (code & 63));
}

/// Returns an element of kind S or U without the zeros at its end.
std::string text_of(const NpyHeader& header, std::span<const std::uint8_t> element) {
  std::string text;
  if (header.kind == 'S') {
    text.assign(element.begin(), element.end());
  } else {
    for (; !element.empty(); element = element.subspan(4)) {
      std::uint32_t code = 0;
      std::memcpy(&code, element.data(), sizeof code);
      append_utf8(text, code);
    }
  }
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

void read_words(InputFile& file, const NpyHeader& header, Images& labels) {
  LabelNames names(file.path());
  std::int64_t image = 0;
  for_each_part(file, header, [&](std::span<const std::uint8_t> part) {
    for (; !part.empty(); part = part.subspan(header.size))
      names.add(text_of(header, part.first(header.size)), fmt::format("image {}", image++));
  });
  names.finish(labels);
}

/// Returns the shape without axes of extent 1, but with at least one axis.
Shape squeezed(const Shape& shape) {
  Shape result;
  for (std::int64_t extent : shape)
    if (extent != 1) result.push_back(extent);
  if (result.empty() && !shape.empty()) result.push_back(1);
  return result;
}

}  // namespace

Images read_npy_labels(const std::string& path, std::int64_t memory) {
  InputFile file(path);
  NpyHeader header = read_npy_header(file, sizeof(std::int32_t), memory);
  const Shape given = header.shape;
  const bool is_text = header.kind == 'S' || header.kind == 'U';
  header.shape = squeezed(given);
  if (header.shape.size() != 1 && (header.shape.size() != 2 || is_text))
    throw InvalidFile(path, fmt::format("is {}, expected [N]", to_string(given)));
  Images labels;
  if (is_text)
    read_words(file, header, labels);
  else if (header.shape.size() == 1)
    read_numbers(file, header, labels.labels);
  else
    read_one_hot(file, header, labels.labels);
  return labels;
}

}  // namespace tessera::data
