// Layers: an op together with its parameters, made and initialised as PyTorch does by default.
// Parameters are called "<name>.weight" and "<name>.bias".
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"
#include "tessera/ops.h"

namespace tessera::layers {

/// torch.nn.Conv2d: weight [out_channels,kernel,kernel,C/groups] and bias, both uniform in
/// [-b, b), b = 1/sqrt(kernel*kernel*C/groups). x f32 [N,H,W,C].
TESSERA_API Var conv2d(Var x, const std::string& name, std::int64_t out_channels,
                       std::int64_t kernel, const Conv2dOptions& options = {});

/// torch.nn.Linear: weight [features,C] and bias, both uniform in [-b, b), b = 1/sqrt(C).
/// x f32 [N,C].
TESSERA_API Var dense(Var x, const std::string& name, std::int64_t features);

}  // namespace tessera::layers
