// Layers: an op together with its parameters, made and initialised as PyTorch does by default.
// Parameters are called "<name>.weight" and "<name>.bias".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tessera/graph.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"

namespace tessera::layers {

/// Rows and columns of a filter; one number is both.
struct Kernel2d {
  /// A square.
  Kernel2d(std::int64_t side) : rows(side), columns(side) {}
  /// Rows and columns.
  Kernel2d(std::int64_t r, std::int64_t s) : rows(r), columns(s) {}
  std::int64_t rows, columns;
};

/// What weight and bias of a layer start with; the defaults are PyTorch's, uniform in [-b, b).
struct Initial {
  /// Of the weight's shape.
  std::function<Initializer(const Shape& weight)> weight = init::layer_default;
  std::optional<Initializer> bias = {};  ///< empty: init::layer_default of the weight's shape
};

/// torch.nn.Conv2d: weight [out_channels,R,S,C/groups] and, unless options.bias is false, bias,
/// by default b = 1/sqrt(R*S*C/groups). x f32 [N,H,W,C].
TESSERA_API Var conv2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
                       const Conv2dOptions& options = {}, const Initial& initial = {});

/// torch.nn.ConvTranspose2d: weight [C,R,S,out_channels/groups] and, unless options.bias is false,
/// bias, by default b = 1/sqrt(R*S*out_channels/groups). x f32 [N,P,Q,C].
TESSERA_API Var conv_transpose2d(Var x, const std::string& name, std::int64_t out_channels,
                                 Kernel2d kernel, const ConvTranspose2dOptions& options = {},
                                 const Initial& initial = {});

/// torch.nn.Linear: weight [features,C] and bias, by default b = 1/sqrt(C). x f32 [...,C].
TESSERA_API Var dense(Var x, const std::string& name, std::int64_t features,
                      const Initial& initial = {});

/// torch.nn.Embedding: weight [count,features], normal with mean 0 and deviation 1. index i32 [...]
/// -> y f32 [...,features].
TESSERA_API Var embedding(Var index, const std::string& name, std::int64_t count,
                          std::int64_t features);

/// torch.nn.BatchNorm2d (and 1d, 3d): weight 1, bias 0, and the states running_mean 0 and
/// running_var 1, f32 [C]. Training uses and records the statistics of the batch, inference uses
/// the recorded ones.
TESSERA_API Var batch_norm2d(Var x, const std::string& name, const BatchNormOptions& options = {});

/// What norms have in common; `affine`: whether there are weight and bias.
struct NormOptions {
  double eps = 1e-5;
  bool affine = true;
};
/// torch.nn.LayerNorm over the last `dimensions` dimensions: weight 1 and bias 0 of their shape.
TESSERA_API Var layer_norm(Var x, const std::string& name, std::int64_t dimensions = 1,
                           const NormOptions& options = {});
/// torch.nn.GroupNorm: weight 1 and bias 0, f32 [C].
TESSERA_API Var group_norm(Var x, const std::string& name, std::int64_t groups,
                           const NormOptions& options = {});
/// torch.nn.InstanceNorm2d, which has no weight and bias by default.
TESSERA_API Var instance_norm(Var x, const std::string& name,
                              const NormOptions& options = {.affine = false});

/// torch.nn.Dropout: in training graphs each element is 0 with probability p, else x / (1 - p);
/// elsewhere x itself. The mask depends on the graph's seed, the name and the
/// training step. x f32.
TESSERA_API Var dropout(Var x, const std::string& name, double p = 0.5);

/// torchvision.ops.StochasticDepth with mode "row": as dropout, but of whole samples, the first
/// dimension.
TESSERA_API Var stochastic_depth(Var x, const std::string& name, double p);

}  // namespace tessera::layers
