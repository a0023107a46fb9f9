// What a call is refused with.
#pragma once

#include <string>

#include "tessera/error.h"

namespace tessera {

/// The message of the Error that `action` throws; empty if it throws none.
template <typename Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace tessera
