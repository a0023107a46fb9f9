// `tessera-bench ops`: the op cases of the tests, and larger ones, checked and then timed. A wrong
// result is reported instead of a time. With --serve it answers each line "RUNS OP: CASE" with the
// seconds that these runs took, as `train` does with steps.
#include <fmt/core.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "bench/bench.h"
#include "tessera/device.h"
#include "tessera/error.h"
#include "tests/cases/case.h"
#include "tests/cases/run.h"

namespace tessera::bench {
namespace {

using cases::Case;

struct Arguments {
  std::string device;
  std::string filter;
  double seconds = 0.3;
  bool all = false;
  bool serve = false;
};

/// Reference elements worth computing for a case: the naive loops are slow.
std::int64_t reference_stride(const Case& c) {
  constexpr double affordable_flops = 2e8;
  return c.flops <= affordable_flops
             ? 1
             : 2 * static_cast<std::int64_t>(c.flops / affordable_flops) + 1;
}

/// What is wrong with the device's results, or nothing.
std::optional<std::string> wrong(const Case& c, cases::CaseRun& run, const cases::Tensors& inputs) {
  const std::int64_t every = reference_stride(c);
  const cases::Tensors expected = c.reference(inputs, every);
  run.set(inputs);
  run.run();
  const cases::Tensors found = run.results();
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (const auto difference = cases::difference(found[i], expected[i], c.tolerance, every))
      return difference;
  return {};
}

double seconds_of(Device& device, cases::CaseRun& run, std::int64_t runs) {
  return time_of([&] {
    for (std::int64_t i = 0; i < runs; ++i) run.run();
    device.finish();
  });
}

double seconds_per_run(Device& device, cases::CaseRun& run, double seconds) {
  seconds_of(device, run, 2);
  // Enough runs in one measurement that waiting for the device does not count.
  const auto runs =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(0.02 / seconds_of(device, run, 1)));
  return median_time([&] { seconds_of(device, run, runs); }, seconds) / static_cast<double>(runs);
}

std::string label_of(const Case& c) { return c.op + ": " + c.name; }

/// Returns whether the result was right.
bool bench_case(const Case& c, Device& device, const Arguments& arguments) {
  cases::CaseRun run(c, device, false, device.plan_options());
  const std::string label = label_of(c);
  if (const auto difference = wrong(c, run, cases::make_inputs(c))) {
    fmt::print("{:60} WRONG: {}\n", label, *difference);
    return false;
  }
  const double seconds = seconds_per_run(device, run, arguments.seconds);
  fmt::print("{:60} {:10.1f} us {:8.1f} GFLOP/s {:7.1f} GB/s\n", label, 1e6 * seconds,
             1e-9 * c.flops / seconds, 1e-9 * cases::bytes_moved(c) / seconds);
  return true;
}

/// A case with what it runs on, checked when first asked for.
struct ServedCase {
  ServedCase(const Case& served, Device& device)
      : c(served), run(c, device, false, device.plan_options()) {
    if (const auto difference = wrong(c, run, cases::make_inputs(c)))
      throw Error("bench", fmt::format("{}: wrong: {}", label_of(c), *difference));
  }
  Case c;
  cases::CaseRun run;
};

void serve(Device& device) {
  const std::vector<Case> all = cases::all_cases();
  std::map<std::string, std::unique_ptr<ServedCase>> served;
  fmt::print("ready\n");
  std::fflush(stdout);
  std::string label;
  for (std::int64_t runs; std::cin >> runs >> std::ws && std::getline(std::cin, label);) {
    auto& entry = served[label];
    if (!entry) {
      const auto found =
          std::find_if(all.begin(), all.end(), [&](const Case& c) { return label_of(c) == label; });
      if (found == all.end()) throw Error("bench", fmt::format("there is no case '{}'", label));
      entry = std::make_unique<ServedCase>(*found, device);
    }
    fmt::print("{}\n", seconds_of(device, entry->run, runs));
    std::fflush(stdout);
  }
}

void run(const Arguments& arguments) {
  const auto device = open_device(arguments.device);
  if (arguments.serve) return serve(*device);
  fmt::print("{} ({})\n", device->info().name, device->info().id);
  int wrong_cases = 0;
  for (const Case& c : cases::all_cases()) {
    const bool wanted = arguments.all || c.bench_only;
    if (!wanted || label_of(c).find(arguments.filter) == std::string::npos) continue;
    wrong_cases += !bench_case(c, *device, arguments);
  }
  if (wrong_cases > 0)
    throw Error("bench", fmt::format("{} cases gave wrong results", wrong_cases));
}

}  // namespace

void add_ops_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ops", "Check and time single ops");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("--device", arguments->device, "as in tessera --device");
  command->add_option("--filter", arguments->filter, "part of 'op: case'");
  command->add_option("--seconds", arguments->seconds, "time to spend on each case");
  command->add_flag("--all", arguments->all, "the small cases of the tests too");
  command->add_flag("--serve", arguments->serve, "time the case that each line of the input names");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::bench
