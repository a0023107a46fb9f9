// Ops that move elements and compute nothing. All take f32, i32 and u8; gradients are for f32.
// Negative axes count from the end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// The same elements under another shape; one dimension may be -1 and is worked out.
/// torch.reshape. A view: no work at run time.
TESSERA_API Var reshape(Var x, Shape shape, std::string name = {});
/// [N, rest...] -> [N, product of the rest]. torch.flatten(x, 1).
TESSERA_API Var flatten(Var x, std::string name = {});
/// Without those of the dimensions `axes` that have size 1; without all of size 1 if there are no
/// axes. torch.squeeze. A view.
TESSERA_API Var squeeze(Var x, const std::vector<std::int64_t>& axes = {}, std::string name = {});
/// With a dimension of size 1 that becomes number `axis`. torch.unsqueeze. A view.
TESSERA_API Var unsqueeze(Var x, std::int64_t axis, std::string name = {});

/// Dimension i of y is dimension axes[i] of x. torch.permute.
TESSERA_API Var permute(Var x, std::vector<std::int64_t> axes, std::string name = {});
/// Exchanges two dimensions. torch.transpose.
TESSERA_API Var transpose(Var x, std::int64_t axis0, std::int64_t axis1, std::string name = {});
/// Turns the order of the elements around along `axes`. torch.flip.
TESSERA_API Var flip(Var x, std::vector<std::int64_t> axes, std::string name = {});

/// x[..., start:stop:step, ...] along `axis`, as Python means it: negative positions count from the
/// end, those outside are clipped; no stop is the end. The step is at least 1. The gradient is dy
/// among zeros.
TESSERA_API Var slice(Var x, std::int64_t axis, std::int64_t start,
                      std::optional<std::int64_t> stop = {}, std::int64_t step = 1,
                      std::string name = {});
/// Pieces of these sizes, which add up to the dimension. torch.split.
TESSERA_API std::vector<Var> split(Var x, const std::vector<std::int64_t>& sizes, std::int64_t axis,
                                   const std::string& name = {});
/// Pieces of `size`, the last of what remains. torch.split.
TESSERA_API std::vector<Var> split(Var x, std::int64_t size, std::int64_t axis,
                                   const std::string& name = {});
/// One after the other along `axis`; the other dimensions are equal. torch.cat.
TESSERA_API Var concat(const std::vector<Var>& xs, std::int64_t axis, std::string name = {});

/// x repeated along its dimensions of size 1, and along new leading ones; -1 keeps a dimension.
/// torch.Tensor.expand, but a copy. The gradient is the sum over the repetitions.
TESSERA_API Var expand(Var x, Shape shape, std::string name = {});

/// Elements before and after, for each dimension; negative ones are cut off.
using PadWidths = std::vector<std::array<std::int64_t, 2>>;
/// torch.nn.functional.pad with mode "constant".
TESSERA_API Var pad(Var x, const PadWidths& widths, double value = 0, std::string name = {});

/// [N,H,W,C*r*r] -> [N,H*r,W*r,C], y[n, h*r+i, w*r+j, c] = x[n, h, w, (c*r+i)*r+j]: channels stand
/// in the order of torch.nn.functional.pixel_shuffle.
TESSERA_API Var pixel_shuffle(Var x, std::int64_t r, const std::string& name = {});
/// The inverse. torch.nn.functional.pixel_unshuffle.
TESSERA_API Var pixel_unshuffle(Var x, std::int64_t r, const std::string& name = {});

}  // namespace tessera
