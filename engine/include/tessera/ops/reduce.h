// Reductions. All take f32. Negative axes count from the end; no axes means all of them. The axes
// vanish unless keepdim is set, in which case they stay with size 1. Names and defaults are those
// of torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// `keepdim`: the axes stay, with size 1.
struct ReduceOptions {
  bool keepdim = false;
};

/// The sum; 0 of nothing.
TESSERA_API Var sum(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                    std::string name = {});
/// The sum by the number of elements; NaN of nothing.
TESSERA_API Var mean(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});
/// The largest and the smallest element; NaN wins. Equal ones get equal shares of the gradient, as
/// in torch.amax and amin (torch.max over an axis gives all of it to one of them).
TESSERA_API Var amax(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});
/// See amax.
TESSERA_API Var amin(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});

/// The place of the largest and the smallest element along `axis`, i32: the first among equals; NaN
/// is larger and smaller than any number. No gradient passes.
TESSERA_API Var argmax(Var x, std::int64_t axis, const ReduceOptions& options = {},
                       std::string name = {});
/// See argmax.
TESSERA_API Var argmin(Var x, std::int64_t axis, const ReduceOptions& options = {},
                       std::string name = {});

/// Of variance.
struct VarianceOptions {
  double correction = 1;  ///< 1: unbiased, 0: of a whole population
  bool keepdim = false;
};
/// torch.var: the sum of (x - mean)^2 by max(0, number of elements - correction).
TESSERA_API Var variance(Var x, std::vector<std::int64_t> axes = {},
                         const VarianceOptions& options = {}, std::string name = {});

/// torch.linalg.vector_norm for p = 1, the sum of |x|, 2, the root of the sum of x^2, and infinity,
/// the largest |x|. The gradient at 0 is 0.
TESSERA_API Var norm(Var x, double p = 2, std::vector<std::int64_t> axes = {},
                     const ReduceOptions& options = {}, std::string name = {});

}  // namespace tessera
