#include "tools/check/op_check.h"

#include <fmt/core.h>

#include <algorithm>

#include "tessera/error.h"
#include "tests/cases/expected.h"
#include "tests/cases/run.h"

namespace tessera::tools {
namespace {

/// Limits on operations and bytes of a case, and on operations of its gradients, within which the
/// naive reference is fast.
constexpr double most_work = 1e5, gradient_work = 5e5;

bool is_small(const cases::Case& c) {
  return !c.bench_only && c.flops + cases::bytes_moved(c) <= most_work;
}

std::string check_case(Device& device, const cases::Case& c) {
  const cases::Expected expected = cases::expect(c, gradient_work);
  try {
    cases::CaseRun run(c, device, expected.backward);
    run.set(expected.inputs);
    run.run();
    const auto wrong = cases::differences(c, expected, run.results());
    return wrong.empty() ? std::string() : fmt::format("{} {}: {}", c.op, c.name, wrong.front());
  } catch (const Error& error) {
    return fmt::format("{} {}: {}", c.op, c.name, error.what());
  }
}

}  // namespace

std::vector<FamilyCheck> check_ops(Device& device, std::chrono::steady_clock::time_point until) {
  std::vector<cases::Family> families = cases::all_families();
  std::size_t rounds = 0;
  std::vector<FamilyCheck> checks;
  for (cases::Family& family : families) {
    std::erase_if(family.cases, [](const cases::Case& c) { return !is_small(c); });
    rounds = std::max(rounds, family.cases.size());
    checks.push_back({family.name, 0, {}});
  }
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < families.size(); ++i) {
      if (round >= families[i].cases.size() || !checks[i].wrong.empty()) continue;
      if (std::chrono::steady_clock::now() > until) return checks;
      checks[i].wrong = check_case(device, families[i].cases[round]);
      ++checks[i].cases;
    }
  return checks;
}

}  // namespace tessera::tools
