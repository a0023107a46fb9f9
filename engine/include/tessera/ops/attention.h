// Attention, composed of matrix products and a softmax.
#pragma once

#include <optional>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// Mask and scale of attention.
struct AttentionOptions {
  std::optional<Var> mask = {};      ///< f32, added to the scores; broadcasts to [...,L,S]
  bool is_causal = false;            ///< query l attends to keys 0..l only; not with a mask
  std::optional<double> scale = {};  ///< empty: 1 / sqrt(E)
};

/// torch.nn.functional.scaled_dot_product_attention without dropout:
/// y = softmax(q k^T * scale + mask) v over the last two dimensions. q f32 [...,L,E],
/// k f32 [...,S,E], v f32 [...,S,F] -> y f32 [...,L,F]; leading dimensions broadcast.
TESSERA_API Var scaled_dot_product_attention(Var q, Var k, Var v,
                                             const AttentionOptions& options = {},
                                             const std::string& name = {});

}  // namespace tessera
