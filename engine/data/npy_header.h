// The header of NumPy's .npy files: a Python literal with element type, order and shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/data/input_file.h"
#include "tessera/spec.h"

namespace tessera::data {

struct NpyHeader {
  std::string type = {};  ///< as NumPy writes it: "|u1", "<f4", ">i8", "<U5"
  char kind = 0;          ///< 'b' bool, 'i', 'u', 'f', 'S' bytes, 'U' text
  std::size_t size = 0;   ///< bytes of an element
  bool is_big_endian = false;
  bool is_fortran = false;  ///< the first axis is the fastest
  Shape shape = {};
};

/// Reads the header of a file of version 1 to 3. Afterwards the file is at its elements, and has
/// exactly as many as the shape declares, at least one; there is memory for them with
/// `decoded_size` bytes each (InputFile::check_claim). Throws Error that names the file, also for
/// Python objects, structured types, complex numbers and dates.
NpyHeader read_npy_header(InputFile& file, std::uint64_t decoded_size, std::int64_t memory);

}  // namespace tessera::data
