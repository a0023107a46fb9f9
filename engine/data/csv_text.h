// The text of CSV files: lines, fields, and what the first two rows say about the others.
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
  /// The next line that is not blank; false at the end. Throws Error when a line is longer than
  /// `most` bytes or has a zero byte, or when there are more than a million blank lines.
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

/// What separates the fields of a line: the one of ; , and tab that is found most often outside
/// quotes, else a space, else a comma.
char find_separator(std::string_view line);

/// Splits a line at `separator`, or at runs of spaces. Quotes around fields and spaces at their
/// ends are removed, and an empty field at the end of the line; `line` is changed where quotes were
/// doubled. Returns false when a quote has no end.
bool split(std::string& line, char separator, Fields& fields);

/// A number without fraction, also in the form 7.0 or 7e0; none: the text is none.
std::optional<double> number(std::string_view text);

/// Which column is what.
struct Columns {
  bool has_header = false;
  std::size_t count = 0;  ///< of all
  std::size_t label = 0;
  std::optional<std::size_t> index = {};  ///< that is neither label nor pixel
  std::vector<std::string> notes = {};    ///< what a user should know of that choice
};

/// Decides from the first row and the second, which is empty when there is none. Throws Error that
/// begins with "line 1" when it is no header, but has a word where the next row has a number.
Columns find_columns(const Fields& first, const Fields& second);

}  // namespace tessera::data
