#include "tessera/params.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/philox.h"
#include "tessera/error.h"

namespace tessera {
namespace {

/// Box-Muller, in double: rounded to float, it does not depend on the mathematics library.
float normal(Philox& generator) {
  const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(generator.uniform())));
  return static_cast<float>(
      radius * std::cos(2 * std::numbers::pi * static_cast<double>(generator.uniform())));
}

float draw(const Initializer& initializer, Philox& generator) {
  const auto scale = static_cast<float>(initializer.value);
  const auto center = static_cast<float>(initializer.center);
  switch (initializer.kind) {
    case Initializer::Kind::uniform:
      return center + (2 * generator.uniform() - 1) * scale;
    case Initializer::Kind::normal:
      return center + normal(generator) * scale;
    case Initializer::Kind::constant:
      break;
  }
  return scale;
}

std::vector<std::byte> initial_bytes(const Value& value, std::uint64_t seed) {
  std::vector<std::byte> bytes(value.spec.bytes());  // all zero
  const Initializer& initializer = value.initializer;
  if (initializer.kind == Initializer::Kind::constant && initializer.value == 0) return bytes;
  if (value.spec.dtype != DType::f32)
    throw Error("params", "only f32 can be initialised to other than 0 ('" + value.name + "')");
  Philox generator(seed, value.name);
  for (std::size_t offset = 0; offset < bytes.size(); offset += sizeof(float)) {
    const float x = draw(initializer, generator);
    std::memcpy(bytes.data() + offset, &x, sizeof x);
  }
  return bytes;
}

}  // namespace

void Params::add(const Graph& graph, std::uint64_t seed) {
  for (const Value& value : graph.values()) {
    if (value.role != Role::parameter && value.role != Role::state) continue;
    const auto found = entries_.find(value.name);
    if (found != entries_.end()) {
      buffer(value);  // checks the spec
      continue;
    }
    Entry entry{value.spec, value.role, device_.allocate(value.spec.bytes())};
    device_.upload(*entry.buffer, 0, initial_bytes(value, seed));
    entries_.emplace(value.name, std::move(entry));
  }
}

void Params::add_state(const std::string& name, const TensorSpec& spec,
                       std::span<const std::byte> bytes) {
  if (has(name)) throw Error("params", "there is a '" + name + "' already");
  entries_.emplace(name, Entry{spec, Role::state, device_.allocate(spec.bytes())});
  write(name, bytes);
}

const Params::Entry& Params::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error("params", "there is no '" + std::string(name) + "'");
  return found->second;
}

Buffer& Params::buffer(const Value& value) const {
  const Entry& found = entry(value.name);
  if (found.spec != value.spec)
    throw Error("params", fmt::format("'{}' is {}, expected {}", value.name, to_string(found.spec),
                                      to_string(value.spec)));
  return *found.buffer;
}

std::vector<std::byte> Params::read(std::string_view name) const {
  const Entry& found = entry(name);
  std::vector<std::byte> bytes(found.spec.bytes());
  device_.download(*found.buffer, 0, bytes);
  return bytes;
}

std::vector<float> Params::read_floats(std::string_view name) const {
  const Entry& found = entry(name);
  if (found.spec.dtype != DType::f32)
    throw Error("params", fmt::format("'{}' is {}, expected f32", name, to_string(found.spec)));
  std::vector<float> floats(static_cast<std::size_t>(found.spec.elements()));
  device_.download(*found.buffer, 0, std::as_writable_bytes(std::span(floats)));
  return floats;
}

void Params::write(std::string_view name, std::span<const std::byte> bytes) {
  const Entry& found = entry(name);
  if (bytes.size() != found.spec.bytes())
    throw Error("params", fmt::format("'{}' takes {} bytes ({}), found {}", name,
                                      found.spec.bytes(), to_string(found.spec), bytes.size()));
  device_.upload(*found.buffer, 0, bytes);
}

}  // namespace tessera
