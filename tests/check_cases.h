// The check of ops that all tests of kernels share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/device.h"
#include "tests/cases/case.h"

namespace tessera {

/// A device, and what is special about how it was opened.
struct CheckedDevice {
  std::string setting;
  std::unique_ptr<Device> device;
};

/// Checks each case that is not for the benchmark only, on each device: forward against the naive
/// reference, gradients against finite differences of it, nothing written outside of the values,
/// and the same bits each time. For implementations that are slow, the environment variable
/// TESSERA_CASE_WORK bounds the operations and bytes of a case.
void check_cases(const std::vector<cases::Case>& list, const std::vector<CheckedDevice>& devices);

}  // namespace tessera
