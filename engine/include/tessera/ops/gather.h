// Ops that select elements by index, and casts. Indices are i32 and start at 0; indices outside of
// the axis give NaN and have no gradient. Names are those of torch.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// y[i,j,k] = x[i,index[i,j,k],k] for axis 1. torch.gather: the index has as many dimensions as x,
/// and none is larger except `axis`. x f32; y has the shape of the index.
TESSERA_API Var gather(Var x, Var index, std::int64_t axis, const std::string& name = {});
/// y[i,j,k] = x[i,index[j],k] for axis 1. Like torch.index_select, but the index may have any
/// shape, which replaces the axis (numpy.take, ONNX's Gather). x f32.
TESSERA_API Var take(Var x, Var index, std::int64_t axis, std::string name = {});
/// Looks up rows of a table: take(weight, index, 0). torch.nn.functional.embedding. weight f32
/// [A,C], index i32 [...] -> y f32 [...,C].
TESSERA_API Var embedding(Var weight, Var index, const std::string& name = {});
/// Returns 1 where the last dimension, of size `classes`, equals the index, else 0. Like
/// torch.nn.functional.one_hot, but f32. index i32 [...] -> y f32 [...,classes].
TESSERA_API Var one_hot(Var index, std::int64_t classes, std::string name = {});

/// Converts the elements to `to`, like torch.Tensor.to. f32 is truncated towards 0; numbers out of
/// range become the nearest i32, NaN becomes 0, and u8 keeps the low 8 bits. Has no gradient,
/// unless x already has the type; then it returns x.
TESSERA_API Var cast(Var x, DType to, std::string name = {});

}  // namespace tessera
