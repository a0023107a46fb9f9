// Softmax and its logarithm over one axis, the last one by default. Names and gradients are those
// of torch.nn.functional.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// y = exp(x) / sum of exp(x) over the axis. x f32; negative axes count from the end. An axis other
/// than the last one needs two copies.
TESSERA_API Var softmax(Var x, std::int64_t axis = -1, const std::string& name = {});
/// y = x - log(sum of exp(x) over the axis).
TESSERA_API Var log_softmax(Var x, std::int64_t axis = -1, const std::string& name = {});

}  // namespace tessera
