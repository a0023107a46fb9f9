// Functions that append one op to a graph. Semantics and defaults are PyTorch's; the layout is
// channels last. Each throws Error if shapes, types or attributes are invalid. `name` names the
// node in messages; an empty name is generated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/graph.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/augment.h"
#include "tessera/ops/conv.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/image.h"
#include "tessera/ops/loss.h"
#include "tessera/ops/norm.h"
#include "tessera/ops/optimizers.h"
#include "tessera/ops/pointwise.h"
#include "tessera/ops/pool.h"
#include "tessera/ops/random.h"
#include "tessera/ops/reduce.h"
#include "tessera/ops/resize.h"
#include "tessera/ops/shape.h"
#include "tessera/ops/softmax.h"
#include "tessera/ops/vision.h"

namespace tessera {

/// Which matrices are transposed.
struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};

/// y = op(a) op(b) + bias over the last two dimensions, where op is the transposition or the
/// identity. a f32 [...,M,K], b f32 [...,K,N], bias f32 [N]. Leading (batch) dimensions broadcast
/// as in torch.matmul: one matrix for the whole batch needs no copy, other repetitions are copied.
TESSERA_API Var matmul(Var a, Var b, const MatmulOptions& options = {},
                       std::optional<Var> bias = {}, std::string name = {});

/// y = x w^T + b, torch.nn.functional.linear. x f32 [...,C], w f32 [K,C], b f32 [K] -> y f32
/// [...,K]. Appends a matmul.
TESSERA_API Var dense(Var x, Var w, std::optional<Var> b = {}, std::string name = {});

/// history[counter mod size] = x; counter = counter + 1. x f32 [1], history a state f32 [size],
/// counter a state i32 [1]. Keeps the losses of a run on the device.
TESSERA_API void record(Var x, Var history, Var counter, std::string name = {});

}  // namespace tessera
