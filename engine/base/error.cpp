#include "tessera/error.h"

#include "tessera/text.h"

namespace tessera {

Error::Error(const std::string& message) : std::runtime_error(printable(message)) {}

Error::Error(const std::string& where, const std::string& message)
    : Error("[" + where + "] " + message) {}

}  // namespace tessera
