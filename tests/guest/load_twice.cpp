// load_twice LIBRARY: loads the library, calls it, lets go of it and loads it again, as a program
// with plugins does.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <vector>

int main(int count, char** arguments) {
  for (int round = 0; round < 3 && count == 2; ++round) {
    void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    // tessera::element_count(const Shape&)
    using ElementCount = std::int64_t (*)(const std::vector<std::int64_t>&);
    const auto elements = reinterpret_cast<ElementCount>(
        dlsym(library, "_ZN7tessera13element_countERKSt6vectorIlSaIlEE"));
    if (!elements || elements({2, 3, 4}) != 24) {
      std::fprintf(stderr, "element_count is not there, or wrong\n");
      return 1;
    }
    if (dlclose(library) != 0) return 1;
  }
  return count == 2 ? 0 : 2;
}
