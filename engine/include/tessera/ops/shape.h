// Ops that move elements without computing. All take f32, i32 and u8; f32 has gradients. Negative
// axes count from the end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// Changes the shape; one dimension may be -1 and is inferred. torch.reshape. A view: no work at
/// run time.
TESSERA_API Var reshape(Var x, Shape shape, std::string name = {});
/// Reshapes [N, rest...] to [N, product of the rest]. torch.flatten(x, 1).
TESSERA_API Var flatten(Var x, std::string name = {});
/// Removes those dimensions in `axes` that have size 1; without axes, removes all of size 1.
/// torch.squeeze. A view.
TESSERA_API Var squeeze(Var x, const std::vector<std::int64_t>& axes = {}, std::string name = {});
/// Inserts a dimension of size 1 at position `axis`. torch.unsqueeze. A view.
TESSERA_API Var unsqueeze(Var x, std::int64_t axis, std::string name = {});

/// Permutes dimensions: dimension i of y is dimension axes[i] of x. torch.permute.
TESSERA_API Var permute(Var x, std::vector<std::int64_t> axes, std::string name = {});
/// Swaps two dimensions. torch.transpose.
TESSERA_API Var transpose(Var x, std::int64_t axis0, std::int64_t axis1, std::string name = {});
/// Reverses the order of the elements along `axes`. torch.flip.
TESSERA_API Var flip(Var x, std::vector<std::int64_t> axes, std::string name = {});

/// Returns x[..., start:stop:step, ...] along `axis`, as in Python: negative positions count from
/// the end, positions outside are clipped, and no stop means the end. The step is at least 1. The
/// gradient is dy with zeros elsewhere.
TESSERA_API Var slice(Var x, std::int64_t axis, std::int64_t start,
                      std::optional<std::int64_t> stop = {}, std::int64_t step = 1,
                      std::string name = {});
/// Splits into slices of these sizes, which must add up to the dimension. torch.split.
TESSERA_API std::vector<Var> split(Var x, const std::vector<std::int64_t>& sizes, std::int64_t axis,
                                   const std::string& name = {});
/// Splits into slices of `size`; the last one has the rest. torch.split.
TESSERA_API std::vector<Var> split(Var x, std::int64_t size, std::int64_t axis,
                                   const std::string& name = {});
/// Concatenates along `axis`; the other dimensions must be equal. torch.cat.
TESSERA_API Var concat(const std::vector<Var>& xs, std::int64_t axis, std::string name = {});

/// Repeats x along its dimensions of size 1, and along new leading ones; -1 keeps a dimension. Like
/// torch.Tensor.expand, but a copy. The gradient is the sum over the repetitions.
TESSERA_API Var expand(Var x, Shape shape, std::string name = {});

/// Numbers of elements to add before and after each dimension; negative numbers remove elements.
using PadWidths = std::vector<std::array<std::int64_t, 2>>;
/// Pads with `value`: torch.nn.functional.pad with mode "constant".
TESSERA_API Var pad(Var x, const PadWidths& widths, double value = 0, std::string name = {});

/// Rearranges [N,H,W,C*r*r] to [N,H*r,W*r,C]: y[n, h*r+i, w*r+j, c] = x[n, h, w, (c*r+i)*r+j].
/// Channels are in the order of torch.nn.functional.pixel_shuffle.
TESSERA_API Var pixel_shuffle(Var x, std::int64_t r, const std::string& name = {});
/// The inverse of pixel_shuffle: torch.nn.functional.pixel_unshuffle.
TESSERA_API Var pixel_unshuffle(Var x, std::int64_t r, const std::string& name = {});

}  // namespace tessera
