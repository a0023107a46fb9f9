#include "tessera/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/base/checked_size.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "engine/base/size_text.h"
#include "tessera/error.h"

namespace tessera {
namespace {

/// Box-Muller in double: the float result does not depend on the math library.
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
    case Initializer::Kind::given:
      break;
  }
  return scale;
}

std::vector<std::byte> initial_bytes(const Value& value, std::uint64_t seed) {
  const Initializer& initializer = value.initializer;
  if (initializer.kind == Initializer::Kind::given) return initializer.bytes();
  std::vector<std::byte> bytes(value.spec.bytes());  // all zero
  if (initializer.kind == Initializer::Kind::constant && initializer.value == 0) return bytes;
  if (value.spec.dtype != DType::f32)
    throw Error("params",
                "only f32 can be initialized to other values than 0 ('" + value.name + "')");
  const std::size_t count = bytes.size() / sizeof(float);
  const std::size_t draws = initializer.kind == Initializer::Kind::normal ? 2 : 1;
  constexpr std::size_t piece = 1 << 16;
  parallel_for((count + piece - 1) / piece, [&](std::size_t number) {
    Philox generator(seed, value.name);
    generator.seek(number * piece * draws);
    for (std::size_t i = number * piece; i < std::min(count, (number + 1) * piece); ++i) {
      const float x = draw(initializer, generator);
      std::memcpy(bytes.data() + i * sizeof x, &x, sizeof x);
    }
  });
  return bytes;
}

}  // namespace

void Params::add(const Graph& graph, std::optional<std::uint64_t> seed) {
  std::vector<const Value*> absent;
  for (const Value& value : graph.values()) {
    if (value.role != Role::parameter && value.role != Role::state) continue;
    if (has(value.name))
      place(value);  // checks the spec
    else
      absent.push_back(&value);
  }
  allocate(absent);
  for (const Value* value : absent)
    if (seed || value->initializer.kind == Initializer::Kind::constant)
      write(value->name, initial_bytes(*value, seed.value_or(0)));
}

void Params::add_state(const std::string& name, const TensorSpec& spec,
                       std::span<const std::byte> bytes) {
  if (has(name)) throw Error("params", "there is a '" + name + "' already");
  const Value value{.spec = spec, .role = Role::state, .name = name};
  allocate({&value});
  write(name, bytes);
}

namespace {

/// Throws Error if a device that uses host memory has no room for `bytes` of tensors and the
/// initial values of the largest one, which are generated on the host.
void check_memory(const DeviceInfo& info, std::size_t bytes, std::size_t largest) {
  if (info.type != DeviceType::cpu || info.memory_bytes == 0) return;
  if (bytes > info.memory_bytes || largest > info.memory_bytes - bytes)
    throw OutOfMemory(
        "params",
        fmt::format("parameters and states need {}, and {} more while they are filled; the machine "
                    "has {}",
                    mebibytes(bytes), mebibytes(largest), mebibytes(info.memory_bytes)));
}

}  // namespace

void Params::allocate(const std::vector<const Value*>& values) {
  constexpr const char* what = "the memory of the parameters";
  std::size_t all = 0, largest = 0;
  for (const auto& [name, entry] : entries_) all = checked_add(all, entry.spec.bytes(), what);
  for (const Value* value : values) {
    all = checked_add(all, value->spec.bytes(), what);
    largest = std::max(largest, value->spec.bytes());
  }
  check_memory(device_.info(), all, largest);
  const std::size_t alignment = device_.buffer_alignment();
  const std::uint64_t limit = device_.info().max_allocation_bytes;
  for (std::size_t first = 0, next = 0; first < values.size(); first = next) {
    std::vector<std::size_t> offsets;
    std::size_t bytes = 0;
    for (; next < values.size(); ++next) {
      const std::size_t own = std::max<std::size_t>(values[next]->spec.bytes(), 1);
      if (next > first && limit > 0 && own > limit - std::min<std::uint64_t>(bytes, limit)) break;
      offsets.push_back(bytes);
      bytes = checked_round_up(checked_add(bytes, own, what), alignment, what);
    }
    buffers_.push_back(device_.allocate(bytes));
    for (std::size_t i = first; i < next; ++i)
      entries_.emplace(
          values[i]->name,
          Entry{values[i]->spec, values[i]->role, {buffers_.back().get(), offsets[i - first]}});
  }
}

const Params::Entry& Params::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error("params", "there is no '" + std::string(name) + "'");
  return found->second;
}

Params::Place Params::place(const Value& value) const {
  const Entry& found = entry(value.name);
  if (found.spec != value.spec)
    throw Error("params", fmt::format("'{}' is {}, expected {}", value.name, to_string(found.spec),
                                      to_string(value.spec)));
  return found.place;
}

std::vector<std::byte> Params::read(std::string_view name) const {
  const Entry& found = entry(name);
  std::vector<std::byte> bytes(found.spec.bytes());
  device_.download(*found.place.buffer, found.place.offset, bytes);
  return bytes;
}

std::vector<float> Params::read_floats(std::string_view name) const {
  const Entry& found = entry(name);
  if (found.spec.dtype != DType::f32)
    throw Error("params", fmt::format("'{}' is {}, expected f32", name, to_string(found.spec)));
  std::vector<float> floats(static_cast<std::size_t>(found.spec.elements()));
  device_.download(*found.place.buffer, found.place.offset,
                   std::as_writable_bytes(std::span(floats)));
  return floats;
}

void Params::write(std::string_view name, std::span<const std::byte> bytes) {
  const Entry& found = entry(name);
  if (bytes.size() != found.spec.bytes())
    throw Error("params", fmt::format("'{}' needs {} bytes ({}), found {}", name,
                                      found.spec.bytes(), to_string(found.spec), bytes.size()));
  device_.upload(*found.place.buffer, found.place.offset, bytes);
  changed();
}

}  // namespace tessera
