// The CPU backend gives the same bits with any number of threads: every case of every op, by every
// algorithm that the tuner may choose. Groups of devices rely on it.
#include <doctest/doctest.h>

#include <map>

#include "backends/cpu/runtime/device.h"
#include "tests/cases/run.h"
#include "tests/cpu/environment.h"

namespace tessera {
namespace {

using cases::Case;
using cases::CaseRun;
using cases::Tensors;

/// Inputs, and a gradient of the output where there is one.
Tensors inputs_of(const Case& c, const CaseRun& run) {
  Tensors inputs = cases::make_inputs(c);
  const Graph& graph = run.plan().graph();
  for (const Value& value : graph.values()) {
    if (value.role != Role::input || value.name != "dy") continue;
    cases::HostTensor dy(value.spec);
    Philox random(2, c.name);
    cases::uniform(-1, 1)(dy, random);
    inputs.push_back(dy);
  }
  return inputs;
}

/// The candidates of each kind of node.
using Candidates = std::map<std::string, std::vector<Candidate>>;

Candidates candidates_of(Device& device, const Graph& graph) {
  Candidates all;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node)
    all[tuning_key(graph, graph.node(node))] = device.candidates(graph, node);
  return all;
}

/// One candidate of each node, others in each round.
Tuning tuning_of(const Candidates& candidates, std::size_t round) {
  Tuning tuning;
  for (const auto& [key, list] : candidates)
    if (!list.empty()) tuning[key].candidate = list[round % list.size()];
  return tuning;
}

std::vector<std::byte> bits_of(Device& device, const Case& c, const Tuning& tuning) {
  device.set_tuning(tuning);
  CaseRun run(c, device, cases::is_differentiable(c));
  run.set(inputs_of(c, run));
  run.run();
  std::vector<std::byte> all;
  for (const cases::HostTensor& result : run.results()) {
    const std::vector<std::byte> bytes = cases::to_bytes(result);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

void check(const std::vector<Case>& list) {
  std::vector<std::unique_ptr<Device>> devices;
  for (const char* count : {"1", "2", "3", "7"}) {
    const Environment threads("TESSERA_THREADS", count);
    devices.push_back(std::make_unique<cpu::CpuDevice>());
  }
  for (const Case& c : list) {
    if (c.bench_only) continue;
    INFO("case: ", c.op, ", ", c.name);
    Device& one = *devices.front();
    const CaseRun run(c, one, cases::is_differentiable(c));
    const Candidates candidates = candidates_of(one, run.plan().graph());
    std::size_t rounds = 1;
    for (const auto& [key, all] : candidates) rounds = std::max(rounds, all.size());
    for (std::size_t round = 0; round < rounds; ++round) {
      const Tuning tuning = tuning_of(candidates, round);
      INFO("round: ", round);
      const std::vector<std::byte> expected = bits_of(one, c, tuning);
      for (std::size_t i = 1; i < devices.size(); ++i) {
        INFO("compute units: ", devices[i]->info().compute_units);
        CHECK(bits_of(*devices[i], c, tuning) == expected);
      }
    }
  }
}

}  // namespace

#define TESSERA_OP_FAMILY(family) \
  TEST_CASE(#family) { check(cases::family##_cases()); }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

}  // namespace tessera
