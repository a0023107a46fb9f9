// The text of CSV files: lines, fields, and the format from the first two rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/input_file.h"

namespace tessera::data {

/// The lines of a file, without their ends (CR LF, LF, or CR in files without LF), without a byte
/// order mark.
class Lines {
 public:
  explicit Lines(InputFile& file);
  /// Reads the next nonblank line; false at the end. Throws Error if a line is longer than `most`
  /// bytes or has a zero byte, or if there are more than a million blank lines.
  bool next(std::string& line, std::size_t most);
  /// Of the last line, from 1.
  std::int64_t number() const { return number_; }

 private:
  bool fill();

  InputFile& file_;
  std::vector<std::uint8_t> buffer_;
  std::string_view rest_;  ///< of the buffer
  char end_ = '\n';
  std::int64_t number_ = 0, blank_ = 0;
};

using Fields = std::vector<std::string_view>;

/// Returns the field separator of a line: the most frequent of ; , and tab outside quotes, else a
/// space, else a comma.
char find_separator(std::string_view line);

/// Splits a line at `separator`, or at runs of spaces. Removes quotes around fields, spaces at
/// their ends and an empty last field; modifies `line` where quotes are doubled. Returns false for
/// an unterminated quote.
bool split(std::string& line, char separator, Fields& fields);

/// Returns an integer, also in the form 7.0 or 7e0; nothing for other text.
std::optional<double> number(std::string_view text);

/// The roles of the columns.
struct Columns {
  bool has_header = false;
  std::size_t count = 0;  ///< of all
  std::size_t label = 0;
  std::optional<std::size_t> index = {};  ///< neither label nor pixel
  std::vector<std::string> notes = {};    ///< about the choice, for the user
};

/// Decides from the first row and the second, which is empty if there is none. Throws Error that
/// begins with "line 1" if the first row is not a header, but has a word where the second has a
/// number.
Columns find_columns(const Fields& first, const Fields& second);

}  // namespace tessera::data
