// What a graph of floats gave.
#pragma once

#include <span>
#include <vector>

#include "tessera/device.h"
#include "tessera/graph.h"

namespace tessera {

/// One for each output of the graph.
using Results = std::vector<std::vector<float>>;

/// All outputs of a graph that has run, each f32.
inline Results read_outputs(Executable& executable, const Graph& graph) {
  Results results;
  for (const Graph::Output& output : graph.outputs()) {
    results.emplace_back(static_cast<std::size_t>(graph.value(output.value).spec.elements()));
    executable.read_output(output.name, std::as_writable_bytes(std::span(results.back())));
  }
  return results;
}

}  // namespace tessera
