// The entry points of libFuzzer: fuzz --target=NAME OPTIONS... FOLDER
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/target.h"

namespace {

const tessera::fuzz::Target* target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(const int* argc, char*** argv) {
  constexpr std::string_view option = "--target=";  // libFuzzer passes over what starts with --
  for (int i = 1; i < *argc; ++i)
    if (const std::string_view word = (*argv)[i]; word.starts_with(option))
      target = &tessera::fuzz::find_target(word.substr(option.size()));
  if (!target) std::abort();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tessera::fuzz::outcome(*target, {data, size});
  return 0;
}
