// Every case on every device.
#include <doctest/doctest.h>

#include "tests/check_cases.h"
#include "tests/devices.h"

namespace tessera {

#define TESSERA_OP_FAMILY(family) \
  TEST_CASE(#family) { check_cases(cases::family##_cases(), open_usable_devices()); }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

}  // namespace tessera
