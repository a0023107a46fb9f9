// Named weights and states on a device, shared by the executables that use them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/device.h"
#include "tessera/graph.h"

namespace tessera {

/// Weights and states by name.
class TESSERA_API Params {
 public:
  /// The device must outlive the parameters.
  explicit Params(Device& device) : device_(device) {}

  /// Allocates and initializes the parameters and states of a graph that are not here yet, side by
  /// side in one buffer, or in as few as the device allows, so that one kernel reaches them all.
  /// Equal seeds give equal values on every device (Philox keyed by seed and name). Without a seed
  /// those that would be drawn or read from a file have no values until they are written. Throws
  /// Error when one is here with another spec.
  void add(const Graph& graph, std::optional<std::uint64_t> seed);

  /// Adds a state with these values, for a graph to come that has it. Throws Error when the name is
  /// here or the size does not fit.
  void add_state(const std::string& name, const TensorSpec& spec, std::span<const std::byte> bytes);

  /// Where bytes are: in a buffer that they may share with others.
  struct Place {
    Buffer* buffer;
    std::size_t offset;
  };
  /// A tensor that is here.
  struct Entry {
    TensorSpec spec;
    Role role;
    Place place;
  };
  /// Whether there is a tensor of that name.
  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  /// Throws Error when there is no such name.
  const Entry& entry(std::string_view name) const;
  /// The memory of a parameter or state of a graph. Throws Error when it is not here or has another
  /// spec.
  Place place(const Value& value) const;
  /// In order of name.
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }

  /// Copies of a whole tensor from and to the device. Throws Error when the size does not fit.
  std::vector<std::byte> read(std::string_view name) const;
  /// The elements of a tensor f32.
  std::vector<float> read_floats(std::string_view name) const;
  /// Throws Error when the name is not here or the size does not fit.
  void write(std::string_view name, std::span<const std::byte> bytes);

  /// The device that holds them.
  Device& device() const { return device_; }

  /// Another number each time that values have changed: by write(), or by a run that updates them,
  /// whose executable calls changed().
  std::uint64_t version() const { return version_; }
  /// For executables: values have changed.
  void changed() { ++version_; }

 private:
  void allocate(const std::vector<const Value*>& values);

  Device& device_;
  std::uint64_t version_ = 1;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace tessera
