// Checks cases; see check_cases.h.
#include "tests/check_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/cases/run.h"

namespace tessera {
namespace {

using cases::Case;
using cases::CaseRun;
using cases::HostTensor;
using cases::Tensors;

/// What a device must answer.
struct Expected {
  Tensors inputs;  ///< dy last, if backward
  Tensors outputs;
  Tensors gradients;  ///< at each `every`-th element
  std::vector<std::int64_t> every;
  bool backward = false;
};

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

Expected expect(const Case& c) {
  Expected expected;
  expected.inputs = cases::make_inputs(c);
  expected.outputs = c.reference(expected.inputs, 1);
  expected.backward = cases::is_differentiable(c);
  if (!expected.backward) return expected;
  HostTensor dy(expected.outputs[0].spec);
  Philox random(2, c.name);
  cases::uniform(-1, 1)(dy, random);
  // All elements where that is cheap, else an odd step through them.
  const auto samples = std::max<std::int64_t>(16, static_cast<std::int64_t>(2e7 / (c.flops + 1)));
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (!cases::has_gradient(c.inputs[i])) continue;
    expected.every.push_back(expected.inputs[i].size() / samples | 1);
    expected.gradients.push_back(
        finite_differences(c, expected.inputs, i, dy, expected.every.back()));
  }
  expected.inputs.push_back(dy);
  return expected;
}

void check_results(const Case& c, const Expected& expected, const Tensors& results) {
  REQUIRE(results.size() == expected.outputs.size() + expected.gradients.size());
  const auto check = [](const std::string& what, const std::optional<std::string>& difference) {
    CHECK_MESSAGE(!difference, what << " " << difference.value_or(""));
  };
  const std::size_t outputs = expected.outputs.size();
  for (std::size_t i = 0; i < outputs; ++i)
    check(fmt::format("output {}", i),
          cases::difference(results[i], expected.outputs[i], c.tolerance));
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    check(fmt::format("gradient {}", i),
          cases::difference(results[outputs + i], expected.gradients[i], c.gradient_tolerance,
                            expected.every[i]));
}

/// The bytes of the arena that belong to no value must still be 0xFF.
std::int64_t overwritten_gap_bytes(Device& device, CaseRun& run) {
  const Buffer& arena = run.executable().arena();
  std::vector<std::byte> bytes(arena.bytes());
  device.download(arena, 0, bytes);
  const Graph& graph = run.plan().graph();
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Placement& place = run.plan().placement(static_cast<ValueId>(i));
    if (!place.in_arena || !place.used) continue;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(place.offset),
                graph.values()[i].spec.bytes(), std::byte{0xFF});
  }
  return std::count_if(bytes.begin(), bytes.end(),
                       [](std::byte b) { return b != std::byte{0xFF}; });
}

double most_work() {
  const char* bound = std::getenv("TESSERA_CASE_WORK");
  return bound ? std::strtod(bound, nullptr) : HUGE_VAL;
}

bool same_bits(const Tensors& a, const Tensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return cases::to_bytes(x) == cases::to_bytes(y);
  });
}

void check_on(Device& device, const Case& c, const Expected& expected) {
  Tensors first;
  for (bool reuse_memory : {false, true}) {
    INFO("reuse of memory: ", reuse_memory);
    CaseRun run(c, device, expected.backward, {.guard_bytes = 1024, .reuse_memory = reuse_memory});
    run.poison();
    run.set(expected.inputs);
    run.run();
    const Tensors results = run.results();
    check_results(c, expected, results);
    CHECK_MESSAGE(overwritten_gap_bytes(device, run) == 0, "bytes outside of the values changed");
    run.set(expected.inputs);
    run.run();
    CHECK_MESSAGE(same_bits(run.results(), results), "a second run gives other bits");
    if (first.empty()) first = results;
    CHECK_MESSAGE(same_bits(first, results), "another memory plan gives other bits");
  }
}

}  // namespace

void check_cases(const std::vector<Case>& list,
                 const std::vector<std::unique_ptr<Device>>& devices) {
  for (const Case& c : list) {
    if (c.bench_only || c.flops + cases::bytes_moved(c) > most_work()) continue;
    const Expected expected = expect(c);
    for (const auto& device : devices) {
      INFO("device: ", device->info().id, " (", device->info().name, ")");
      INFO("case: ", c.op, ", ", c.name);
      CHECK_NOTHROW(check_on(*device, c, expected));
    }
  }
}

}  // namespace tessera
