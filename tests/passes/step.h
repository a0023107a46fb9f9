// A net and what is done to it around a training step, with some passes or none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/fuse.h"
#include "tests/read_outputs.h"

namespace tessera::tests {

using Pass = void (*)(Graph&);
/// Those over the forward nodes, and those over a whole step, in the order of a training.
struct Passes {
  std::string name;
  std::vector<Pass> forward = {}, whole = {};
};

/// What a net is made of: its losses and what else is read after a run.
struct Net {
  std::vector<Var> losses;
  std::map<std::string, Var> outputs = {};
};
using Build = std::function<Net(Graph&)>;

/// The losses, their gradients and optimizer steps of different kinds where the graph is for
/// training; equal seeds give equal graphs, but for the passes.
Graph make_step(const Build& build, Mode mode, std::uint64_t seed, const Passes& passes);

/// All outputs of two runs, then what Params holds, by name.
std::map<std::string, std::vector<float>> run_twice(Device& device, const Graph& graph);

/// No pass first, then each by itself, all of one mode together last.
std::vector<Passes> pass_sets(Mode mode);

/// Compares what each device gives for each set of passes with what the CPU gives without one.
/// Returns the sets that changed the nodes, by name.
std::set<std::string> check_passes(const std::vector<std::unique_ptr<Device>>& devices,
                                   const Build& build, Mode mode, std::uint64_t seed);

}  // namespace tessera::tests
