// Random ops. The numbers come from a counter-based generator. They depend only on a seed, on the
// training step and on the position of the element, so backends agree and nothing is stored.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// Returns the state "step" i32 [1], which counts training steps. Adds it if the graph has none.
TESSERA_API Var step_counter(Graph& graph);
/// Returns the counter of random layers. In graphs that run several times in a step this is the
/// input "draw" i32 [1], if they have added it. In other graphs it is the step counter.
TESSERA_API Var draw_counter(Graph& graph);

/// y = 0 with probability p, else x / (1 - p), with another mask for each step, seed and element. x
/// f32, step i32 [1], p in [0,1]. torch.nn.functional.dropout with training=True.
TESSERA_API Var dropout(Var x, Var step, double p, std::int64_t seed, std::string name = {});

}  // namespace tessera
