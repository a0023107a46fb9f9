// The table of ops that can be exported: one file of onnx/export/ per family returns its rows.
#pragma once

#include <string>
#include <vector>

#include "onnx/export/call.h"

namespace tessera::exporter {

struct Row {
  std::string op;
  /// Writes ONNX nodes and sets output 0. Throws Error if ONNX has no equivalent.
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

/// Writes all nodes of a graph. Throws Error that lists the nodes that cannot be exported.
void write_nodes(Writer& writer);

}  // namespace tessera::exporter
