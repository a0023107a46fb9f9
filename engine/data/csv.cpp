#include "engine/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/base/checked_size.h"
#include "engine/data/csv_text.h"
#include "engine/data/input_file.h"
#include "engine/data/label_names.h"
#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t most_first_line = std::size_t{1} << 28;
constexpr std::size_t most_field = 64;  ///< bytes, on average over a line

/// Returns an integer from 0 to 255, or -1.
int pixel(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size())
    return value >= 0 && value <= 255 ? value : -1;
  const std::optional<double> other = number(text);  // 7.0, as pandas writes it
  return other && *other >= 0 && *other <= 255 ? static_cast<int>(*other) : -1;
}

/// The format of the file, from its first rows, and the number of rows.
struct Table {
  char separator = ',';
  bool names_separator = false;  ///< in the first line: sep=;
  Columns columns;
  std::size_t most_line = most_first_line;  ///< bytes
  std::int64_t rows = 0;

  std::size_t pixels() const { return columns.count - (columns.index ? 2 : 1); }
};

/// Scans the whole file without storing it, to know its size before memory is allocated.
class Survey {
 public:
  Survey(InputFile& file, std::int64_t memory) : file_(file), memory_(memory) {}

  Table run() {
    Lines lines(file_);
    std::string first, second;
    if (!next_row(lines, first)) return table_;
    table_.names_separator = first.size() == 5 && first.starts_with("sep=");
    if (table_.names_separator) {
      table_.separator = first[4];
      if (!next_row(lines, first)) return table_;
    }
    const std::int64_t first_line = lines.number();
    const bool is_comment = first.starts_with('#');  // as numpy.savetxt writes a header
    first.erase(0, is_comment ? first.find_first_not_of("# ") : 0);
    const bool has_second = next_row(lines, second);
    if (!table_.names_separator)
      table_.separator = find_separator(is_comment && has_second ? second : first);
    const Fields names = fields(first, first_line);
    const Fields row = has_second ? fields(second, lines.number()) : Fields{};
    try {
      table_.columns = find_columns(names, row);
    } catch (const Error& error) {
      throw InvalidFile(file_.path(), error.what());
    }
    if (is_comment && has_second && names.size() != row.size())
      table_.columns = {.has_header = true, .count = row.size()};
    table_.most_line = table_.columns.count * most_field + (1 << 16);
    table_.rows = (table_.columns.has_header ? 0 : 1) + (has_second ? 1 : 0);
    std::int64_t checked = memory_;
    while (next_row(lines, second)) {
      const std::int64_t bytes = checked_mul(
          ++table_.rows, static_cast<std::int64_t>(table_.pixels() + sizeof(std::int32_t)),
          "the size of all rows");
      if (bytes <= checked) continue;
      file_.check_memory(static_cast<std::uint64_t>(bytes), memory_);
      checked = 2 * bytes;
    }
    return table_;
  }

 private:
  bool next_row(Lines& lines, std::string& line) { return lines.next(line, table_.most_line); }

  Fields fields(std::string& line, std::int64_t number) const {
    Fields result;
    if (!split(line, table_.separator, result))
      throw InvalidFile(file_.path(), fmt::format("line {} has an unterminated quote", number));
    return result;
  }

  InputFile& file_;
  std::int64_t memory_;
  Table table_;
};

class Rows {
 public:
  Rows(InputFile& file, const Table& table)
      : file_(file), table_(table), lines_(file), names_(file.path()) {
    images_.pixels.reserve(static_cast<std::size_t>(table.rows) * table.pixels());
    images_.notes = table.columns.notes;
    std::string line;
    for (int passed = (table.names_separator ? 1 : 0) + (table.columns.has_header ? 1 : 0);
         passed > 0; --passed)
      lines_.next(line, table.most_line);
    for (Fields fields; lines_.next(line, table.most_line);) {
      if (!split(line, table.separator, fields)) refuse("has an unterminated quote");
      add(fields);
    }
    if (has_words_) names_.finish(images_);
  }

  Images take_images() { return std::move(images_); }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    throw InvalidFile(file_.path(), fmt::format("line {} {}", lines_.number(), message));
  }

  void add(const Fields& fields) {
    const Columns& columns = table_.columns;
    if (columns.label < fields.size()) add_label(fields[columns.label]);
    for (std::size_t i = 0; i < std::min(fields.size(), columns.count); ++i)
      if (i != columns.label && i != columns.index) add_pixel(fields[i]);
    const std::size_t others = columns.count - table_.pixels();
    if (fields.size() != columns.count || table_.pixels() == 0)
      refuse(fmt::format("has {} pixels, expected {}",
                         fields.size() - std::min(fields.size(), others),
                         table_.pixels() == 0 ? "at least 1" : fmt::format("{}", table_.pixels())));
  }

  void add_label(std::string_view text) {
    const std::optional<double> label = number(text);
    if (is_first_) has_words_ = !label && !text.empty();
    is_first_ = false;
    if (has_words_ && label)
      refuse(
          fmt::format("has the label '{}', expected a word as in the previous rows", shown(text)));
    if (has_words_) return names_.add(text, fmt::format("line {}", lines_.number()));
    if (!label || *label < 0 || *label > std::numeric_limits<std::int32_t>::max())
      refuse(fmt::format("has the label '{}', expected a whole number from 0", shown(text)));
    images_.labels.push_back(static_cast<std::int32_t>(*label));
  }

  void add_pixel(std::string_view text) {
    const int value = pixel(text);
    if (value < 0)
      refuse(fmt::format("has the pixel '{}', expected a whole number from 0 to 255", shown(text)));
    images_.pixels.push_back(static_cast<std::uint8_t>(value));
  }

  InputFile& file_;
  const Table& table_;
  Lines lines_;
  LabelNames names_;
  bool is_first_ = true, has_words_ = false;
  Images images_;
};

/// Returns the side of a square with so many pixels, or 0.
std::int64_t side_of(std::int64_t pixels) {
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(pixels)));
  return side * side == pixels ? side : 0;
}

}  // namespace

Images read_csv(const std::string& path, const ReadOptions& options) {
  InputFile file(path);
  const Table table = Survey(file, options.memory).run();
  if (table.rows == 0) throw InvalidFile(path, "has no rows");
  file.seek(0);
  Images images = Rows(file, table).take_images();
  const auto pixels = static_cast<std::int64_t>(table.pixels());
  std::int64_t height = options.height, width = options.width, channels = options.channels;
  if (height < 1) {
    if (channels < 1) channels = side_of(pixels) > 0 ? 1 : 3;
    height = width = pixels % channels == 0 ? side_of(pixels / channels) : 0;
  }
  if (channels < 1) channels = pixels / checked_mul(height, width, "--size");
  if (height < 1 || checked_product({height, width, channels}, "--size") != pixels)
    throw InvalidFile(path, height < 1
                                ? fmt::format("has {} pixels in a row, which is not a square image "
                                              "of {} channels; set the size (--size)",
                                              pixels, channels)
                                : fmt::format("has {} pixels in a row, expected {}x{}x{}", pixels,
                                              height, width, channels));
  images.height = height;
  images.width = width;
  images.channels = channels;
  return images;
}

}  // namespace tessera::data
