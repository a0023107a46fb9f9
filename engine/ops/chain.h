// A fused group of elementwise ops as one op, and its geometry, which the backends read from a
// node.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ops/formulas.h"
#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// Limits that backends rely on.
inline constexpr std::size_t most_chain_inputs = 6;
inline constexpr std::size_t most_chain_steps = 8;

/// One op of a chain.
struct ChainStep {
  /// Input i of the node, or the result of an earlier step.
  struct Operand {
    bool is_step = false;
    std::size_t index = 0;
  };
  const formulas::Formula* formula = nullptr;
  std::vector<Operand> operands = {};  ///< the operands of the formula, in order
  std::array<double, 2> numbers = {};  ///< its attributes
};

/// The result of the last step is the result of the chain, or the input of the reduction.
struct Chain {
  std::vector<ChainStep> steps;
  std::string_view reduction = {};  ///< a row of engine/formulas/reductions.h, or nothing
  std::vector<std::int64_t> axes = {};

  std::size_t input_count() const;
};

/// The rows of engine/formulas/reductions.h.
std::span<const std::string_view> chain_reductions();

/// "add(x0,x1) leaky_relu(t0,0.1)": inputs are x0, x1, ..., results t0, t1, ...
std::string to_string(std::span<const ChainStep> steps);
/// Attributes `program`, as above, and perhaps `reduction` and `axes`.
Attributes to_attributes(const Chain& chain);
/// Throws Error if the attributes are malformed.
Chain to_chain(const Attributes& attributes);

/// The elements of a chain as [outer, middle, inner], and the strides of each input along them; 0
/// if it is repeated. Inner strides are 0 or 1.
struct ChainGeometry {
  enum class Reduces : std::uint8_t { nothing, middle, inner };
  struct Steps {
    std::int64_t outer, middle, inner;
  };
  std::int64_t outer, middle, inner;
  std::vector<Steps> steps;
  Reduces reduces;

  std::int64_t elements() const { return outer * middle * inner; }
};

/// Returns nothing if inputs are repeated along too many dimensions, or if the reduced axes are not
/// adjacent or come first of three.
std::optional<ChainGeometry> chain_geometry(const std::vector<Shape>& inputs,
                                            const std::vector<std::int64_t>& axes);

}  // namespace tessera
