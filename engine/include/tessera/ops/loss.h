// Losses. Names and defaults are those of torch.nn.functional.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

enum class Reduction : std::uint8_t { none, mean, sum };

/// The arguments of torch.nn.CrossEntropyLoss.
struct CrossEntropyOptions {
  double label_smoothing = 0;        ///< e: fraction of the target spread over all classes
  std::vector<double> weights = {};  ///< per class; empty: 1
  /// Rows with this label are ignored; PyTorch's default is -100. Empty: no label is ignored.
  std::optional<std::int64_t> ignore_index = {};
  Reduction reduction = Reduction::mean;
};

/// The loss and the probabilities of the classes.
struct CrossEntropy {
  Var loss;
  Var probabilities;
};

/// torch.nn.functional.cross_entropy and the softmax. The loss of row n is the sum over k of
/// -c[n,k] * log softmax(logits[n])[k] with c[n,k] = weights[k] * ((1-e) * target[n,k] + e/K).
/// logits f32 [N,K]; labels i32 [N] in [0,K), whose target is 1 at the label, or f32 [N,K], the
/// targets themselves -> loss f32 [1] (Reduction::none: [N]), probabilities f32 [N,K]. The mean
/// divides by the sum of the weights of the labels, or by N for targets. A label outside of [0,K)
/// makes the loss NaN.
TESSERA_API CrossEntropy softmax_cross_entropy(Var logits, Var labels,
                                               const CrossEntropyOptions& options,
                                               std::string name = {});
/// Does the same with the default options.
TESSERA_API CrossEntropy softmax_cross_entropy(Var logits, Var labels, std::string name = {});

/// The arguments of torch.nn.NLLLoss.
struct NllOptions {
  std::vector<double> weights = {};  ///< per class; empty: 1
  std::optional<std::int64_t> ignore_index = {};
  Reduction reduction = Reduction::mean;
};

/// torch.nn.functional.nll_loss: -weights[label] * x[n, label] for row n. The mean divides by the
/// sum of the weights of the labels. x f32 [N,K], log probabilities; labels i32 [N].
TESSERA_API Var nll_loss(Var x, Var labels, const NllOptions& options = {}, std::string name = {});

// The losses below compare two f32 tensors of the same shape element by element. Other shapes throw
// Error, where PyTorch broadcasts and warns. The mean is over all elements; sum and mean are f32
// [1]. Both tensors have gradients.

/// torch.nn.functional.mse_loss: (x - target)^2.
TESSERA_API Var mse_loss(Var x, Var target, Reduction reduction = Reduction::mean,
                         const std::string& name = {});
/// torch.nn.functional.l1_loss: |x - target|.
TESSERA_API Var l1_loss(Var x, Var target, Reduction reduction = Reduction::mean,
                        const std::string& name = {});
/// torch.nn.functional.huber_loss, with e = |x - target|: e^2 / 2 up to delta, above it delta * (e
/// - delta / 2). delta > 0.
TESSERA_API Var huber_loss(Var x, Var target, double delta = 1,
                           Reduction reduction = Reduction::mean, const std::string& name = {});
/// torch.nn.functional.smooth_l1_loss: huber_loss with delta = beta, divided by beta; beta = 0 is
/// l1_loss.
TESSERA_API Var smooth_l1_loss(Var x, Var target, double beta = 1,
                               Reduction reduction = Reduction::mean, const std::string& name = {});

/// The arguments of torch.nn.BCEWithLogitsLoss.
struct BceOptions {
  std::optional<Var> weight = {};      ///< of each element; broadcasts
  std::optional<Var> pos_weight = {};  ///< of the positive term, per class; broadcasts
  Reduction reduction = Reduction::mean;
};
/// torch.nn.functional.binary_cross_entropy_with_logits:
/// -weight * (pos_weight * t * log sigmoid(x) + (1 - t) * log(1 - sigmoid(x))) for targets t.
TESSERA_API Var bce_with_logits_loss(Var x, Var target, const BceOptions& options = {},
                                     const std::string& name = {});

/// The arguments of torch.nn.KLDivLoss.
struct KlOptions {
  bool log_target = false;  ///< the targets are log probabilities too
  Reduction reduction = Reduction::mean;
  bool batch_mean = false;  ///< "batchmean": sum / first dimension, instead of `reduction`
};
/// torch.nn.functional.kl_div: t * (log t - x), 0 for t = 0. x has log probabilities.
TESSERA_API Var kl_div_loss(Var x, Var target, const KlOptions& options = {},
                            const std::string& name = {});

}  // namespace tessera
