// Layers: an op with its parameters, created and initialized like PyTorch's by default. Parameters
// are named "<name>.weight" and "<name>.bias".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tessera/graph.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"

namespace tessera::layers {

/// Rows and columns of a filter; one number sets both.
struct Kernel2d {
  /// Makes a square filter.
  Kernel2d(std::int64_t side) : rows(side), columns(side) {}
  /// Makes a filter of r rows and s columns.
  Kernel2d(std::int64_t r, std::int64_t s) : rows(r), columns(s) {}
  std::int64_t rows, columns;
};

/// Initializers of the weight and bias of a layer. The defaults are PyTorch's, uniform in [-b, b).
struct Initial {
  /// Returns the initializer for a weight of this shape.
  std::function<Initializer(const Shape& weight)> weight = init::layer_default;
  std::optional<Initializer> bias = {};  ///< empty: init::layer_default of the weight's shape
};

/// Appends torch.nn.Conv2d with weight [out_channels,R,S,C/groups] and, unless options.bias is
/// false, bias; by default b = 1/sqrt(R*S*C/groups). x f32 [N,H,W,C].
TESSERA_API Var conv2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
                       const Conv2dOptions& options = {}, const Initial& initial = {});

/// Appends torch.nn.ConvTranspose2d with weight [C,R,S,out_channels/groups] and, unless
/// options.bias is false, bias; by default b = 1/sqrt(R*S*out_channels/groups). x f32 [N,P,Q,C].
TESSERA_API Var conv_transpose2d(Var x, const std::string& name, std::int64_t out_channels,
                                 Kernel2d kernel, const ConvTranspose2dOptions& options = {},
                                 const Initial& initial = {});

/// Appends torch.nn.Linear with weight [features,C] and bias; by default b = 1/sqrt(C). x f32
/// [...,C].
TESSERA_API Var dense(Var x, const std::string& name, std::int64_t features,
                      const Initial& initial = {});

/// Appends torch.nn.Embedding with weight [count,features], normal with mean 0 and deviation 1.
/// index i32 [...] -> y f32 [...,features].
TESSERA_API Var embedding(Var index, const std::string& name, std::int64_t count,
                          std::int64_t features);

/// Appends torch.nn.BatchNorm2d (and 1d, 3d) with weight 1, bias 0, and the states running_mean 0
/// and running_var 1, f32 [C]. Training normalizes with the statistics of the batch and updates the
/// running statistics; inference uses the running statistics.
TESSERA_API Var batch_norm2d(Var x, const std::string& name, const BatchNormOptions& options = {});

/// Common options of norms; `affine`: whether there are weight and bias.
struct NormOptions {
  double eps = 1e-5;
  bool affine = true;
};
/// Appends torch.nn.LayerNorm over the last `dimensions` dimensions, with weight 1 and bias 0 of
/// their shape.
TESSERA_API Var layer_norm(Var x, const std::string& name, std::int64_t dimensions = 1,
                           const NormOptions& options = {});
/// Appends torch.nn.GroupNorm with weight 1 and bias 0, f32 [C].
TESSERA_API Var group_norm(Var x, const std::string& name, std::int64_t groups,
                           const NormOptions& options = {});
/// Appends torch.nn.InstanceNorm2d, which has no weight and bias by default.
TESSERA_API Var instance_norm(Var x, const std::string& name,
                              const NormOptions& options = {.affine = false});

/// Appends torch.nn.Dropout: in training graphs each element is 0 with probability p, else x / (1 -
/// p). In inference graphs it returns x. The mask depends on the graph's seed, the name and the
/// training step. x f32.
TESSERA_API Var dropout(Var x, const std::string& name, double p = 0.5);

/// Appends torchvision.ops.StochasticDepth with mode "row": like dropout, but for whole samples
/// (the first dimension).
TESSERA_API Var stochastic_depth(Var x, const std::string& name, double p);

}  // namespace tessera::layers
