// Layers: an op together with its parameters, made and initialised as PyTorch does by default.
// Parameters are called "<name>.weight" and "<name>.bias".
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"
#include "tessera/ops.h"

namespace tessera::layers {

/// Rows and columns of a filter; one number is both.
struct Kernel2d {
  Kernel2d(std::int64_t side) : rows(side), columns(side) {}
  Kernel2d(std::int64_t r, std::int64_t s) : rows(r), columns(s) {}
  std::int64_t rows, columns;
};

/// torch.nn.Conv2d: weight [out_channels,R,S,C/groups] and, unless options.bias is false, bias,
/// both uniform in [-b, b), b = 1/sqrt(R*S*C/groups). x f32 [N,H,W,C].
TESSERA_API Var conv2d(Var x, const std::string& name, std::int64_t out_channels, Kernel2d kernel,
                       const Conv2dOptions& options = {});

/// torch.nn.ConvTranspose2d: weight [C,R,S,out_channels/groups] and, unless options.bias is false,
/// bias, both uniform in [-b, b), b = 1/sqrt(R*S*out_channels/groups). x f32 [N,P,Q,C].
TESSERA_API Var conv_transpose2d(Var x, const std::string& name, std::int64_t out_channels,
                                 Kernel2d kernel, const ConvTranspose2dOptions& options = {});

/// torch.nn.Linear: weight [features,C] and bias, both uniform in [-b, b), b = 1/sqrt(C).
/// x f32 [N,C].
TESSERA_API Var dense(Var x, const std::string& name, std::int64_t features);

}  // namespace tessera::layers
