// safetensors_copy IN OUT: reads a file and writes it again, for safetensors_python.py.
#include <cstdio>
#include <exception>

#include "tessera/safetensors.h"

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  tessera::write_safetensors(argv[2], tessera::read_safetensors(argv[1]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
