// One list of cases per op family, for the tests and the benchmark: what goes in, how it is filled,
// a naive reference in double that shares nothing with the library, and how near a device must
// come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/philox.h"
#include "tessera/attributes.h"
#include "tessera/graph.h"
#include "tessera/op.h"
#include "tessera/spec.h"

namespace tessera::cases {

/// A tensor on the host. Each element type fits into a double.
struct HostTensor {
  TensorSpec spec;
  std::vector<double> values;

  HostTensor() = default;
  explicit HostTensor(TensorSpec of) : spec(std::move(of)) {
    values.resize(static_cast<std::size_t>(spec.elements()));
  }
  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
};
using Tensors = std::vector<HostTensor>;

std::vector<std::byte> to_bytes(const HostTensor& tensor);
HostTensor from_bytes(const TensorSpec& spec, const std::vector<std::byte>& bytes);

/// Fills a tensor with numbers that its element type represents exactly.
using Fill = std::function<void(HostTensor&, Philox&)>;

Fill uniform(double least, double most);
/// Uniform in [-1,1] without the neighborhood of 0, where relu has its kink.
Fill away_from_zero();
/// All different, at least 0.01 apart, in random order.
Fill distinct();
/// Whole numbers least..most, both included.
Fill whole_numbers(int least, int most);
/// These numbers, over and over.
Fill repeated(std::vector<double> values);

struct Input {
  Input(std::string name, TensorSpec spec, Fill fill = uniform(-1, 1), Role role = Role::input);
  std::string name;
  TensorSpec spec;
  Fill fill;
  Role role;
};

/// |found - expected| <= absolute + relative * |expected|. Whole numbers must be equal.
struct Tolerance {
  double absolute = 1e-6;
  double relative = 1e-5;
};
/// For a float sum of `terms` products of numbers in [-1,1]: the rounding errors of a plain loop
/// grow with the partial sums, whatever the result, so the absolute part grows with them.
Tolerance for_sum_of(std::int64_t terms);

struct Case {
  std::string op;
  std::string name;
  std::vector<Input> inputs;
  Attributes attributes;
  /// The outputs, or of large ones at least each `every`-th element.
  std::function<Tensors(const Tensors& inputs, std::int64_t every)> reference;
  double flops = 0;
  Tolerance tolerance = {};
  Tolerance gradient_tolerance = {};
  /// False where finite differences make no sense: ties, NaN, labels out of range.
  bool smooth = true;
  /// Too large for the tests.
  bool bench_only = false;
  /// Appends the case to a graph; empty: the op alone.
  std::function<std::vector<Var>(const std::vector<Var>&)> build = {};
};

/// The inputs of a case, filled from its name: the same everywhere, each time.
Tensors make_inputs(const Case& c);
std::vector<Var> append(const Case& c, Graph& graph, const std::vector<Var>& inputs);
std::vector<TensorSpec> output_specs(const Case& c);
/// The outputs that are written over inputs.
std::vector<Alias> updates(const Case& c);
/// Bytes of inputs and outputs: what must at least be moved.
double bytes_moved(const Case& c);

/// What differs most, in one line, or nothing. Looks at each `every`-th element.
std::optional<std::string> difference(const HostTensor& found, const HostTensor& expected,
                                      const Tolerance& tolerance, std::int64_t every = 1);

/// The same case with output 0 = min(most, max(0, output 0 + residual)), by relu (most is HUGE_VAL)
/// or relu6; 0: nothing is cut off.
Case with_epilogue(Case c, bool residual, double most = 0);

#define TESSERA_OP_FAMILY(family) std::vector<Case> family##_cases();
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

struct Family {
  std::string name;
  std::vector<Case> cases;
};
std::vector<Family> all_families();
/// The cases of all families.
std::vector<Case> all_cases();

}  // namespace tessera::cases
