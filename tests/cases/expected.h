// What a device must answer to a case.
#pragma once

#include <string>
#include <vector>

#include "tests/cases/case.h"

namespace tessera::cases {

struct Expected {
  Tensors inputs;  ///< dy last, if backward
  Tensors outputs;
  Tensors gradients;  ///< at each `every`-th element
  std::vector<std::int64_t> every;
  bool backward = false;
};

/// By the case's naive reference, gradients by finite differences of it: at all elements where that
/// takes at most about so many operations, else at some of them, 16 or more.
Expected expect(const Case& c, double work = 2e7);

/// What is wrong in the results of a CaseRun, one line for each output and gradient.
std::vector<std::string> differences(const Case& c, const Expected& expected,
                                     const Tensors& results);

}  // namespace tessera::cases
