// Losses. Names and defaults are those of torch.nn.functional.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

enum class Reduction : std::uint8_t { none, mean, sum };

struct CrossEntropyOptions {
  double label_smoothing = 0;        ///< e: the share of the target spread over all classes
  std::vector<double> weights = {};  ///< per class; empty: 1
  /// Rows with this label count for nothing; PyTorch's is -100. Empty: there is none.
  std::optional<std::int64_t> ignore_index = {};
  Reduction reduction = Reduction::mean;
};

struct CrossEntropy {
  Var loss;
  Var probabilities;
};

/// torch.nn.functional.cross_entropy, and the softmax itself. The loss of row n is the sum over k
/// of -c[n,k] * log softmax(logits[n])[k] with c[n,k] = weights[k] * ((1-e) * target[n,k] + e/K).
/// logits f32 [N,K]; labels i32 [N] in [0,K), whose target is 1 at the label, or f32 [N,K], the
/// targets themselves -> loss f32 [1] (Reduction::none: [N]), probabilities f32 [N,K].
/// The mean divides by the sum of the weights of the labels, with targets by N. A label outside
/// [0,K) makes the loss NaN.
TESSERA_API CrossEntropy softmax_cross_entropy(Var logits, Var labels,
                                               const CrossEntropyOptions& options,
                                               std::string name = {});
TESSERA_API CrossEntropy softmax_cross_entropy(Var logits, Var labels, std::string name = {});

}  // namespace tessera
