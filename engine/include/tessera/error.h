// The one exception type of the library. Every message is one line that names the thing, what was
// found and what was expected, e.g. "[conv2d] weight has 3 input channels, expected 4 (node 'c1')".
#pragma once

#include <stdexcept>
#include <string>

#include "tessera/export.h"

namespace tessera {

/// What the library throws, and all that it throws by itself. Messages are safe to print: what
/// `printable` (tessera/text.h) escapes, such as control characters in a name, is escaped.
class TESSERA_API Error : public std::runtime_error {
 public:
  /// The message alone.
  explicit Error(const std::string& message);
  /// `where` is an op, a file or a device; it stands in brackets before the message.
  Error(const std::string& where, const std::string& message);
};

}  // namespace tessera
