// Elements chosen by indices, and changes of the element type. Indices are i32 and count from 0;
// those outside of the axis give NaN, and no gradient. Names are those of torch.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// y[i,j,k] = x[i,index[i,j,k],k] for axis 1. torch.gather: the index has as many dimensions as x
/// and, but for `axis`, none larger. x f32, y has the shape of the index.
TESSERA_API Var gather(Var x, Var index, std::int64_t axis, const std::string& name = {});
/// y[i,j,k] = x[i,index[j],k] for axis 1. torch.index_select, but the index may have any shape,
/// which takes the place of the axis (numpy.take, ONNX's Gather). x f32.
TESSERA_API Var take(Var x, Var index, std::int64_t axis, std::string name = {});
/// Rows of a table: take(weight, index, 0). torch.nn.functional.embedding. weight f32 [A,C], index
/// i32 [...] -> y f32 [...,C].
TESSERA_API Var embedding(Var weight, Var index, const std::string& name = {});
/// 1 where the last dimension, of `classes`, is the index, else 0. torch.nn.functional.one_hot, but
/// f32. index i32 [...] -> y f32 [...,classes].
TESSERA_API Var one_hot(Var index, std::int64_t classes, std::string name = {});

/// The elements as `to`. torch.Tensor.to: from f32 they are cut off towards 0; what does not fit
/// becomes the nearest i32, NaN becomes 0, and u8 keeps the low 8 bits. No gradient passes, unless
/// x has the type already, which gives x itself.
TESSERA_API Var cast(Var x, DType to, std::string name = {});

}  // namespace tessera
