// Checks cases; see check_cases.h.
#include "tests/check_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/cases/expected.h"
#include "tests/cases/run.h"

namespace tessera {
namespace {

using cases::Case;
using cases::CaseRun;
using cases::Expected;
using cases::Tensors;

/// The bytes of an arena that belong to no value must still be 0xFF.
std::int64_t overwritten_gap_bytes(Device& device, const CaseRun& run, std::size_t number,
                                   const Buffer& arena) {
  std::vector<std::byte> bytes(arena.bytes());
  device.download(arena, 0, bytes);
  const Graph& graph = run.plan().graph();
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Placement& place = run.plan().placement(static_cast<ValueId>(i));
    if (!place.in_arena || !place.used || place.arena != number) continue;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(place.offset),
                graph.values()[i].spec.bytes(), std::byte{0xFF});
  }
  return std::count_if(bytes.begin(), bytes.end(),
                       [](std::byte b) { return b != std::byte{0xFF}; });
}

std::int64_t overwritten_gap_bytes(Device& device, CaseRun& run) {
  const std::vector<Buffer*> arenas = run.executable().arenas();
  std::int64_t all = 0;
  for (std::size_t i = 0; i < arenas.size(); ++i)
    all += overwritten_gap_bytes(device, run, i, *arenas[i]);
  return all;
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
    for (const std::string& difference : cases::differences(c, expected, results))
      FAIL_CHECK(difference);
    CHECK_MESSAGE(overwritten_gap_bytes(device, run) == 0, "bytes outside of the values changed");
    run.set(expected.inputs);
    run.run();
    CHECK_MESSAGE(same_bits(run.results(), results), "a second run gives other bits");
    if (first.empty()) first = results;
    CHECK_MESSAGE(same_bits(first, results), "another memory plan gives other bits");
  }
}

}  // namespace

void check_cases(const std::vector<Case>& list, const std::vector<CheckedDevice>& devices) {
  for (const Case& c : list) {
    if (c.bench_only || c.flops + cases::bytes_moved(c) > most_work()) continue;
    const Expected expected = cases::expect(c);
    for (const CheckedDevice& checked : devices) {
      const auto& device = checked.device;
      INFO("setting: ", checked.setting);
      INFO("device: ", device->info().id, " (", device->info().name, ")");
      INFO("case: ", c.op, ", ", c.name);
      CHECK_NOTHROW(check_on(*device, c, expected));
    }
  }
}

}  // namespace tessera
