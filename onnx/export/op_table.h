// The table of ops that can be written to a file: one file of onnx/export/ for each family gives
// its rows.
#pragma once

#include <string>
#include <vector>

#include "onnx/export/call.h"

namespace tessera::exporter {

struct Row {
  std::string op;
  /// Writes nodes of ONNX and sets output 0; throws Error where ONNX has none such.
  void (*write)(Call& call);
};

std::vector<Row> convolution_rows();
std::vector<Row> elementwise_rows();
std::vector<Row> matmul_rows();
std::vector<Row> movement_rows();
std::vector<Row> normalization_rows();
std::vector<Row> pooling_rows();
std::vector<Row> reduction_rows();
std::vector<Row> resample_rows();

/// Writes all nodes of a graph. Throws Error that lists those that cannot be written.
void write_nodes(Writer& writer);

}  // namespace tessera::exporter
