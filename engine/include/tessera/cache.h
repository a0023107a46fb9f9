// The cache folder of the library. It holds only files that the library can create again.
#pragma once

#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the folder `name` in the library's cache folder (TESSERA_CACHE_DIR, else tessera in
/// XDG_CACHE_HOME, else ~/.cache/tessera). Creates it with access for this user only. Returns an
/// empty string if there is no such folder or if others can write to it.
TESSERA_API std::string private_cache_folder(std::string_view name);

}  // namespace tessera
