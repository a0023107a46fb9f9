#include "tests/cases/expected.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/cases/run.h"

namespace tessera::cases {
namespace {

double weighted_sum(const Case& c, const Tensors& inputs, const HostTensor& dy) {
  const HostTensor y = c.reference(inputs, 1)[0];
  double total = 0;
  for (std::int64_t i = 0; i < y.size(); ++i) total += y[i] * dy[i];
  return total;
}

/// Central differences of sum(y * dy) in the elements 0, every, 2 * every, ... of input i.
HostTensor finite_differences(const Case& c, Tensors inputs, std::size_t i, const HostTensor& dy,
                              std::int64_t every) {
  constexpr double step = 1e-4;  // exact for products and sums; below every gap of the fills
  HostTensor gradient(inputs[i].spec);
  for (std::int64_t element = 0; element < gradient.size(); element += every) {
    const double middle = inputs[i][element];
    inputs[i][element] = middle + step;
    const double above = weighted_sum(c, inputs, dy);
    inputs[i][element] = middle - step;
    const double below = weighted_sum(c, inputs, dy);
    inputs[i][element] = middle;
    gradient[element] = (above - below) / (2 * step);
  }
  return gradient;
}

}  // namespace

Expected expect(const Case& c, double work) {
  Expected expected;
  expected.inputs = make_inputs(c);
  expected.outputs = c.reference(expected.inputs, 1);
  expected.backward = is_differentiable(c);
  if (!expected.backward) return expected;
  HostTensor dy(expected.outputs[0].spec);
  Philox random(2, c.name);
  uniform(-1, 1)(dy, random);
  const auto samples = std::max<std::int64_t>(16, static_cast<std::int64_t>(work / (c.flops + 1)));
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (!has_gradient(c.inputs[i])) continue;
    expected.every.push_back(expected.inputs[i].size() / samples | 1);  // odd, not along a column
    expected.gradients.push_back(
        finite_differences(c, expected.inputs, i, dy, expected.every.back()));
  }
  expected.inputs.push_back(dy);
  return expected;
}

std::vector<std::string> differences(const Case& c, const Expected& expected,
                                     const Tensors& results) {
  const std::size_t outputs = expected.outputs.size(), gradients = expected.gradients.size();
  if (results.size() != outputs + gradients)
    return {fmt::format("{} results, expected {}", results.size(), outputs + gradients)};
  std::vector<std::string> wrong;
  const auto look = [&](const char* what, std::size_t i, const std::optional<std::string>& found) {
    if (found) wrong.push_back(fmt::format("{} {} {}", what, i, *found));
  };
  for (std::size_t i = 0; i < outputs; ++i)
    look("output", i, difference(results[i], expected.outputs[i], c.tolerance));
  for (std::size_t i = 0; i < gradients; ++i)
    look("gradient", i,
         difference(results[outputs + i], expected.gradients[i], c.gradient_tolerance,
                    expected.every[i]));
  return wrong;
}

}  // namespace tessera::cases
