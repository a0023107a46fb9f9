#include "engine/data/csv_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>

#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t part_bytes = 1 << 18;
constexpr std::int64_t most_blank = 1 << 20;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" ,;\t\"") == line.npos; }

bool is_pixel(std::string_view text) {
  const std::optional<double> value = number(text);
  return value && *value >= 0 && *value <= 255;
}

/// Whether the fields from `begin` are consecutive integers from 0 or 1.
bool is_counted(const Fields& fields, std::size_t begin) {
  const std::optional<double> start =
      begin < fields.size() ? number(fields[begin]) : std::optional<double>{};
  if (!start || (*start != 0 && *start != 1)) return false;
  for (std::size_t i = begin; i < fields.size(); ++i)
    if (number(fields[i]) != *start + static_cast<double>(i - begin)) return false;
  return true;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(names.begin(), names.end(), lower) != names.end();
}

bool names_label(std::string_view name) {
  return is_one_of(
      name, {"label", "labels", "class", "classes", "class_label", "target", "y", "category"});
}

bool names_index(std::string_view name) {
  return is_one_of(name, {"", "unnamed: 0", "index", "id"});
}

/// Whether the first row has column names. Names that pandas generates are consecutive numbers; a
/// row of numbers has certainly names if they are too large for pixels.
bool is_header(const Fields& first, const Fields& second) {
  if (std::any_of(first.begin() + 1, first.end(), names_label)) return true;
  if (number(first[0])) return is_counted(first, 0) && first.size() > 256;
  const auto numbers = std::count_if(first.begin() + 1, first.end(), [](std::string_view field) {
    return number(field).has_value();
  });
  if (2 * static_cast<std::size_t>(numbers) < first.size() - 1) return true;
  const bool is_counting = first.size() > 2 && is_counted(first, 1);
  if (names_label(first[0]) || first[0].empty()) return is_counting || first.size() == 1;
  const bool is_above_words = second.empty() || !number(second[0]);
  return is_counting && !(is_above_words && std::all_of(first.begin() + 1, first.end(), is_pixel));
}

}  // namespace

Lines::Lines(InputFile& file) : file_(file), buffer_(part_bytes) {
  fill();
  remove_mark(file.path(), rest_);
  if (rest_.find('\n') == rest_.npos && rest_.find('\r') < rest_.size() - 1) end_ = '\r';
}

bool Lines::fill() {
  const std::size_t count = file_.read_some(buffer_);
  rest_ = {reinterpret_cast<const char*>(buffer_.data()), count};
  return count > 0;
}

bool Lines::next(std::string& line, std::size_t most) {
  do {
    line.clear();
    if (++blank_ > most_blank)
      throw InvalidFile(file_.path(), fmt::format("has more than {} blank lines", most_blank));
    if (rest_.empty() && !fill()) return false;
    ++number_;
    for (;;) {
      const std::size_t end = rest_.find(end_);
      line += rest_.substr(0, end);
      if (line.size() > most)
        throw InvalidFile(file_.path(),
                          fmt::format("line {} is longer than {} bytes", number_, most));
      rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
      if (end != rest_.npos || !fill()) break;
    }
    if (line.ends_with('\r')) line.pop_back();
    if (std::memchr(line.data(), 0, line.size()) != nullptr)
      throw InvalidFile(file_.path(),
                        fmt::format("line {} has a zero byte, expected text", number_));
  } while (is_blank(line));
  --blank_;
  return true;
}

char find_separator(std::string_view line) {
  constexpr std::string_view known = ";,\t";
  std::size_t counts[known.size()] = {};
  bool is_quoted = false;
  for (char c : line) {
    if (c == '"') is_quoted = !is_quoted;
    const std::size_t which = known.find(c);
    if (!is_quoted && which != known.npos) ++counts[which];
  }
  const std::size_t* most = std::max_element(std::begin(counts), std::end(counts));
  if (*most > 0) return known[static_cast<std::size_t>(most - counts)];
  return trimmed(line).find(' ') != line.npos ? ' ' : ',';
}

bool split(std::string& line, char separator, Fields& fields) {
  fields.clear();
  char* at = line.data();
  char* const end = at + line.size();
  for (;;) {
    while (at < end && *at == ' ') ++at;
    if (at < end && *at == '"') {
      char* const begin = ++at;
      char* to = begin;
      for (; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); ++at) {
        if (*at == '"') ++at;
        *to++ = *at;
      }
      if (at >= end) return false;
      fields.emplace_back(begin, static_cast<std::size_t>(to - begin));
      at = std::find(at + 1, end, separator);
    } else {
      char* const begin = at;
      at = std::find(at, end, separator);
      fields.push_back(trimmed({begin, static_cast<std::size_t>(at - begin)}));
    }
    if (at == end) break;
    ++at;
  }
  if (fields.size() > 1 && fields.back().empty()) fields.pop_back();
  return true;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value != std::floor(value))
    return {};
  return value;
}

Columns find_columns(const Fields& first, const Fields& second) {
  Columns columns;
  columns.count = first.size();
  columns.has_header = is_header(first, second);
  if (!columns.has_header) {
    if (!second.empty() && !number(first[0]) && number(second[0]))
      throw Error(
          fmt::format("line 1 has the label '{}' and the next row '{}', expected whole "
                      "numbers or words in all rows",
                      shown(first[0]), shown(second[0])));
    if (first.size() > 9 && is_counted(first, 0) && first != second)
      columns.notes.push_back(fmt::format(
          "the first row, 0 to {}, is read as an image; if these are column names, remove it",
          first.size() - 1));
    return columns;
  }
  const auto named = std::find_if(first.begin(), first.end(), names_label);
  const bool is_named = !first[0].empty() && !is_one_of(first[0], {"unnamed: 0"});
  const bool is_counted_from_0 = second.empty() || number(second[0]) == 0.0;
  if (names_index(first[0]) && first.size() > 2 &&
      (is_named || named != first.end() || is_counted_from_0))
    columns.index = 0;
  if (named != first.end())
    columns.label = static_cast<std::size_t>(named - first.begin());
  else if (columns.index)
    columns.label = 1;
  if (columns.label != 0)
    columns.notes.push_back(fmt::format("labels are in column {}, '{}'{}", columns.label + 1,
                                        shown(first[columns.label]),
                                        columns.index ? "; column 1 is ignored as an index" : ""));
  return columns;
}

}  // namespace tessera::data
