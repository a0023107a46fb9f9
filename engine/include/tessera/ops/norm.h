// Normalization: batch, layer, group and instance norm. Included by tessera/ops.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// Weight and bias of a normalization.
struct Affine {
  Var weight;
  Var bias;
};

/// The arguments of torch.nn.BatchNorm2d.
struct BatchNormOptions {
  double momentum = 0.1;
  double eps = 1e-5;
  bool affine = true;  ///< for the layer
};

/// torch.nn.functional.batch_norm(training=True): y = (x - mean) / sqrt(var + eps) * weight + bias,
/// where mean and (biased) variance of each channel (the last dimension) are over all other
/// dimensions. Updates in place running = (1 - momentum) * running + momentum * batch, where the
/// variance is unbiased (0 for a single value). x f32 [...,C], running_mean and running_var states
/// f32 [C], weight and bias f32 [C].
TESSERA_API Var batch_norm(Var x, Var running_mean, Var running_var,
                           std::optional<Affine> affine = {}, const BatchNormOptions& options = {},
                           std::string name = {});

/// torch.nn.functional.batch_norm(training=False):
/// y = (x - running_mean) / sqrt(running_var + eps) * weight + bias.
TESSERA_API Var batch_norm_inference(Var x, Var running_mean, Var running_var,
                                     std::optional<Affine> affine = {}, double eps = 1e-5,
                                     std::string name = {});

/// torch.nn.functional.layer_norm: like batch norm, but each sample has the mean and variance of
/// its last `dimensions` dimensions, which are also the shape of weight and bias.
TESSERA_API Var layer_norm(Var x, std::int64_t dimensions = 1, std::optional<Affine> affine = {},
                           double eps = 1e-5, std::string name = {});

/// torch.nn.functional.group_norm: divides the channels into `groups` equal groups; each group of
/// each sample has its own mean and variance. x f32 [N,...,C], weight and bias f32 [C].
TESSERA_API Var group_norm(Var x, std::int64_t groups, std::optional<Affine> affine = {},
                           double eps = 1e-5, std::string name = {});

/// torch.nn.functional.instance_norm without running statistics: group norm with C groups.
TESSERA_API Var instance_norm(Var x, std::optional<Affine> affine = {}, double eps = 1e-5,
                              std::string name = {});

}  // namespace tessera
