// Where the library keeps what it can make again.
#pragma once

#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the folder `name` in the library's cache folder (TESSERA_CACHE_DIR, else tessera in
/// XDG_CACHE_HOME, else ~/.cache/tessera), made for this user alone. Empty when there is none, or
/// when others could write to it.
TESSERA_API std::string private_cache_folder(std::string_view name);

}  // namespace tessera
