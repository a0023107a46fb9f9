// Names by patterns.
#include "engine/base/patterns.h"

#include <doctest/doctest.h>

#include "tests/refusal.h"

namespace tessera {

TEST_CASE("patterns stand for names") {
  CHECK(pattern_distance("conv1.weight", "conv1.weight") == 0);
  CHECK(pattern_distance("conv1.*", "conv1.weight") == 0);
  CHECK(pattern_distance("*.weight", "layer1.0.conv1.weight") == 0);
  CHECK(pattern_distance("*conv*t", "layer1.0.conv1.weight") == 0);
  CHECK(pattern_distance("conv?.bias", "conv2.bias") == 0);
  CHECK(pattern_distance("*", "") == 0);
  CHECK(pattern_distance("", "a") == 1);
  CHECK(pattern_distance("?", "") == 1);
  CHECK(pattern_distance("conv?.bias", "conv.bias") == 1);
  CHECK(pattern_distance("conv1", "conv1.weight") == 7);
  CHECK(pattern_distance("cnv1.*", "conv1.weight") == 1);
}

TEST_CASE("a pattern that fits nothing names what is near") {
  const std::vector<std::string> names = {"conv1.weight", "conv1.bias", "fc.weight", "fc.bias",
                                          "bn"};
  CHECK(matches(names, {"fc.*", "b?"}, "freeze") == std::vector{false, false, true, true, true});
  CHECK(refusal([&] {
          matches(names, {"fc.*", "fv.*"}, "freeze");
        }) ==
        "[freeze] no parameter matches 'fv.*'; similar names: fc.weight, fc.bias, conv1.weight, "
        "conv1.bias");
}

}  // namespace tessera
