// Reductions. All take f32. Negative axes count from the end; no axes means all axes. The reduced
// axes are removed unless keepdim is set; then they have size 1. Names and defaults are those of
// torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// Options of reductions; `keepdim` keeps the reduced axes with size 1.
struct ReduceOptions {
  bool keepdim = false;
};

/// The sum; 0 for no elements.
TESSERA_API Var sum(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                    std::string name = {});
/// The mean; NaN for no elements.
TESSERA_API Var mean(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});
/// The largest element; NaN if there is one. Equal elements share the gradient equally, as in
/// torch.amax and amin (torch.max over an axis gives all of it to one of them).
TESSERA_API Var amax(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});
/// The smallest element; see amax.
TESSERA_API Var amin(Var x, std::vector<std::int64_t> axes = {}, const ReduceOptions& options = {},
                     std::string name = {});

/// The index of the largest element along `axis`, i32: the first of equal elements. NaN counts as
/// the largest and the smallest. No gradient.
TESSERA_API Var argmax(Var x, std::int64_t axis, const ReduceOptions& options = {},
                       std::string name = {});
/// The index of the smallest element; see argmax.
TESSERA_API Var argmin(Var x, std::int64_t axis, const ReduceOptions& options = {},
                       std::string name = {});

/// Options of variance.
struct VarianceOptions {
  double correction = 1;  ///< 1: unbiased, 0: population variance
  bool keepdim = false;
};
/// torch.var: the sum of (x - mean)^2 divided by max(0, number of elements - correction).
TESSERA_API Var variance(Var x, std::vector<std::int64_t> axes = {},
                         const VarianceOptions& options = {}, std::string name = {});

/// torch.linalg.vector_norm for p = 1 (the sum of |x|), 2 (the root of the sum of x^2) and infinity
/// (the largest |x|). The gradient at 0 is 0.
TESSERA_API Var norm(Var x, double p = 2, std::vector<std::int64_t> axes = {},
                     const ReduceOptions& options = {}, std::string name = {});

}  // namespace tessera
