// Tensors whose elements are known during the import: shapes, axes, indices, small tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "tessera/spec.h"

namespace onnx {
class TensorProto;
}

namespace tessera::importer {

struct Constant {
  enum class Kind : std::uint8_t { number, integer, boolean } kind = Kind::number;
  Shape shape;
  std::vector<double> numbers;  ///< 64-bit integers above 2^53 are rounded
};

/// Rounds towards 0 and clips; 0 for NaN.
std::int64_t whole(double number);
/// Returns integers; clips those that do not fit.
std::vector<std::int64_t> integers(const Constant& constant);

/// Throws Error unless the tensor has the elements of its shape; external data must be in the
/// folder.
void check_data(const onnx::TensorProto& tensor, const std::filesystem::path& folder);
/// Returns its elements; check_data must have passed.
Constant constant_of(const onnx::TensorProto& tensor, const std::filesystem::path& folder);
std::vector<float> floats_of(const onnx::TensorProto& tensor, const std::filesystem::path& folder);
Shape shape_of(const onnx::TensorProto& tensor);

}  // namespace tessera::importer
