// Optimizer steps, in place, and gradient clipping. w is a parameter; its buffers are states of the
// same shape that start at 0; lr is f32 [1]. Each step returns the updated w, which only later
// nodes may read.
#pragma once

#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// The arguments of torch.optim.SGD.
struct SgdOptions {
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};
/// torch.optim.SGD: g = dw + weight_decay * w; v = momentum * v + g; w = w - lr * v, or with
/// Nesterov's momentum w - lr * (g + momentum * v).
TESSERA_API Var sgd_step(Var w, Var dw, Var v, Var lr, const SgdOptions& options = {},
                         std::string name = {});

/// The arguments of torch.optim.Adam and AdamW.
struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< AdamW's default is 0.01
  bool decoupled = false;   ///< AdamW
};
/// torch.optim.Adam: g = dw + weight_decay * w; m = beta1 * m + (1 - beta1) * g;
/// v = beta2 * v + (1 - beta2) * g^2;
/// w = w - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps), with t = step + 1.
/// torch.optim.AdamW (decoupled): g = dw, and first w = w - lr * weight_decay * w.
/// `step` i32 [1]: number of steps done before.
TESSERA_API Var adam_step(Var w, Var dw, Var m, Var v, Var lr, Var step,
                          const AdamOptions& options = {}, std::string name = {});

/// The arguments of torch.optim.RMSprop.
struct RmspropOptions {
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
};
/// torch.optim.RMSprop, not centered: g = dw + weight_decay * w; v = alpha * v + (1 - alpha) * g^2;
/// u = momentum * u + g / (sqrt(v) + eps); w = w - lr * u.
TESSERA_API Var rmsprop_step(Var w, Var dw, Var v, Var u, Var lr,
                             const RmspropOptions& options = {}, std::string name = {});

/// The arguments of torch.optim.Adagrad.
struct AdagradOptions {
  double eps = 1e-10;
  double weight_decay = 0;
};
/// torch.optim.Adagrad: g = dw + weight_decay * w; s = s + g^2; w = w - lr * g / (sqrt(s) + eps).
TESSERA_API Var adagrad_step(Var w, Var dw, Var s, Var lr, const AdagradOptions& options = {},
                             std::string name = {});

/// Options of lars_step.
struct LarsOptions {
  double momentum = 0.9;
  double weight_decay = 0;
  double coefficient = 0.001;
};
/// LARS (You, Gitman, Ginsburg: "Large batch training of convolutional networks", 2017):
/// v = momentum * v + trust * (dw + weight_decay * w); w = w - lr * v, with
/// trust = coefficient * |w| / (|dw| + weight_decay * |w|), or 1 if w or dw is all 0.
TESSERA_API Var lars_step(Var w, Var dw, Var v, Var lr, const LarsOptions& options = {},
                          const std::string& name = {});

/// y = (1 - weight) * y + weight * x in place; y a state, weight f32 [1]. Returns the updated y.
/// Used for running means and weight averages.
TESSERA_API Var blend(Var y, Var x, Var weight, std::string name = {});

/// sum = adds == 0 ? x : sum + x in place; sum a state, adds f32 [1]. Where adds is NaN, the sum
/// stays as it is. Returns the updated sum.
TESSERA_API Var accumulate(Var sum, Var x, Var adds, std::string name = {});

/// Returns the Euclidean norm of all elements of all tensors, f32 [1].
TESSERA_API Var global_norm(const std::vector<Var>& xs, std::string name = {});
/// Returns the factor by which torch.nn.utils.clip_grad_norm_ multiplies gradients: min(1, max_norm
/// / (norm + 1e-6)). norm f32 [1].
TESSERA_API Var clip_factor(Var norm, double max_norm, const std::string& name = {});

}  // namespace tessera
