// Symbol visibility: the library is compiled with hidden symbols, and TESSERA_API marks the public
// ones.
#pragma once

#if defined(__GNUC__)
#define TESSERA_API __attribute__((visibility("default")))
#else
#define TESSERA_API
#endif
