// A node by itself: run on one device and held against another, kept in a folder and run again.
// What `tessera bisect` and `tessera doctor` judge devices by.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/inspect.h"

namespace tessera {

/// The CPU backend with the plainest algorithm of each op, the last that there is.
TESSERA_API std::unique_ptr<Device> open_reference_device();

/// A graph of one node and what goes in, one after the other; its inputs are named "0", "1" and so
/// on, those that it writes over are states.
struct NodeCase {
  Graph graph;
  std::vector<std::vector<std::byte>> inputs;
  std::string name;       ///< of the node where it comes from
  std::string device;     ///< "opencl:0:0 (name, driver)" that ran it there, and by which
  std::string algorithm;  ///< algorithm
  /// The only node of the graph.
  const Node& node() const { return graph.node(0); }
};
/// A run of a node as a case of its own, which `device` ran.
TESSERA_API NodeCase node_case(const NodeRun& run, const DeviceInfo& device);

/// All outputs, those written over inputs included.
TESSERA_API std::vector<std::vector<std::byte>> outputs_of(Device& device, const NodeCase& c);

/// What is wrong with an output.
struct Difference {
  std::size_t output = 0;
  std::int64_t count = 0;          ///< of elements
  double worst = 0;                ///< by the largest element of what was expected
  std::vector<std::string> lines;  ///< the worst elements: "[0,3,1] is 2, expected 1.5"
};
/// Holds outputs against those of the reference. Of floats, those are wrong that are further off
/// than `tolerance` of the largest of that output and than what it moves by when each input moves
/// by up to that part of itself (sums may cancel), and those that are NaN where the reference's are
/// not; of whole numbers all that are not equal.
TESSERA_API std::vector<Difference> differences(Device& reference, const NodeCase& c,
                                                const std::vector<std::vector<std::byte>>& found,
                                                double tolerance);

/// "conv2d f32[1,28,28,1], f32[6,5,5,1] -> f32[1,28,28,6]".
TESSERA_API std::string described(const NodeCase& c);

/// Writes node.json and node.safetensors to a folder, which it makes. Throws Error.
TESSERA_API void save_case(const std::string& folder, const NodeCase& c);
/// Reads what save_case wrote. Throws Error that names the file.
TESSERA_API NodeCase load_case(const std::string& folder);

}  // namespace tessera
