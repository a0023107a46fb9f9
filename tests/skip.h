// For tests of what not every machine has.
#pragma once

#include <string>

namespace tessera {

/// Says why, and makes the program end as skipped unless a test fails.
void skip_program(const std::string& reason);

}  // namespace tessera
