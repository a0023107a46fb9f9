// Single nodes: runs a node on one device, compares it to another device, saves it in a folder and
// runs it again. `tessera bisect` and `tessera doctor` check devices with these functions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/inspect.h"

namespace tessera {

/// Opens the CPU backend with the plainest algorithm of each op, the last one in its list.
TESSERA_API std::unique_ptr<Device> open_reference_device();

/// A graph of one node, and the bytes of its inputs, in order. The inputs are named "0", "1" and so
/// on; the inputs that the node updates in place are states.
struct NodeCase {
  Graph graph;
  std::vector<std::vector<std::byte>> inputs;
  std::string name;       ///< name of the node in its original graph
  std::string device;     ///< the device that ran it there: "opencl:0:0 (name, driver)"
  std::string algorithm;  ///< the algorithm that ran it there
  /// Returns the only node of the graph.
  const Node& node() const { return graph.node(0); }
};
/// Makes a case from a run of a node on `device`.
TESSERA_API NodeCase node_case(const NodeRun& run, const DeviceInfo& device);

/// Runs the case on a device and returns all outputs, including inputs that are updated in place.
TESSERA_API std::vector<std::vector<std::byte>> outputs_of(Device& device, const NodeCase& c);

/// The wrong elements of an output.
struct Difference {
  std::size_t output = 0;
  std::int64_t count = 0;          ///< number of wrong elements
  double worst = 0;                ///< worst error, relative to the largest expected element
  std::vector<std::string> lines;  ///< the worst elements: "[0,3,1] is 2, expected 1.5"
};
/// Compares outputs to those of the reference device. A float is wrong if its error exceeds both
/// `tolerance` times the largest element of the output, and the change of the element when each
/// input changes by up to the same fraction (sums may cancel). A NaN is wrong if the reference has
/// none. Integers must be equal.
TESSERA_API std::vector<Difference> differences(Device& reference, const NodeCase& c,
                                                const std::vector<std::vector<std::byte>>& found,
                                                double tolerance);

/// Describes a case: "conv2d f32[1,28,28,1], f32[6,5,5,1] -> f32[1,28,28,6]".
TESSERA_API std::string described(const NodeCase& c);

/// Creates a folder and writes node.json and node.safetensors to it. Throws Error on failure.
TESSERA_API void save_case(const std::string& folder, const NodeCase& c);
/// Reads a case that save_case wrote. Throws Error that names the file.
TESSERA_API NodeCase load_case(const std::string& folder);

}  // namespace tessera
