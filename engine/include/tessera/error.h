// Exceptions. Every message is one line that names the thing, what was found and what was expected,
// such as "[conv2d] weight has 3 input channels, expected 4 (node 'c1')".
#pragma once

#include <stdexcept>
#include <string>

#include "tessera/export.h"

namespace tessera {

/// The base of all exceptions of the library. Messages are safe to print: what `printable`
/// (tessera/text.h) escapes, such as control characters in a name, is escaped.
class TESSERA_API Error : public std::runtime_error {
 public:
  /// The message alone.
  explicit Error(const std::string& message);
  /// `where` is an op, a file or a device; the message begins with it, in brackets.
  Error(const std::string& where, const std::string& message);
};

/// A device, the machine or a limit has too little memory.
class TESSERA_API OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// A device's compiler does not build a kernel.
class TESSERA_API BuildFailure : public Error {
 public:
  using Error::Error;
};

/// A file is missing, damaged, or has something else than expected.
class TESSERA_API InvalidFile : public Error {
 public:
  using Error::Error;
};

}  // namespace tessera
