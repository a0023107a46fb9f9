// The main function of every test program.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/skip.h"

namespace {

bool skipped = false;

}  // namespace

void tessera::skip_program(const std::string& reason) {
  std::printf("skipped: %s\n", reason.c_str());
  skipped = true;
}

int main(int argc, char** argv) {
  const int status = doctest::Context(argc, argv).run();
  constexpr int meson_skipped = 77;
  return status == 0 && skipped ? meson_skipped : status;
}
