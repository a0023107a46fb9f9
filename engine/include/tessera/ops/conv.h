// Convolutions and transposed convolutions. Names and defaults are those of torch.nn.functional.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// Rows and columns of zeros around an image.
struct Padding2d {
  enum class Kind : std::uint8_t { sizes, same, same_lower };

  /// Pads both sides equally.
  Padding2d(std::int64_t rows = 0, std::int64_t columns = 0)
      : top(rows), bottom(rows), left(columns), right(columns) {}
  /// Pads each side separately.
  Padding2d(std::int64_t on_top, std::int64_t below, std::int64_t on_the_left,
            std::int64_t on_the_right)
      : top(on_top), bottom(below), left(on_the_left), right(on_the_right) {}
  /// Pads so that there are ceil(H / stride) rows; an odd row or column goes to the bottom or
  /// right. With stride 1 this is PyTorch's padding='same', with any stride ONNX's SAME_UPPER.
  static Padding2d same() { return of(Kind::same); }
  /// Does the same, but an odd row or column goes to the top or left: ONNX's SAME_LOWER.
  static Padding2d same_lower() { return of(Kind::same_lower); }

  Kind kind = Kind::sizes;
  std::int64_t top, bottom, left, right;

 private:
  static Padding2d of(Kind kind) {
    Padding2d padding;
    padding.kind = kind;
    return padding;
  }
};

/// Options of conv2d; pairs are rows and columns.
struct Conv2dOptions {
  std::array<std::int64_t, 2> stride = {1, 1};
  Padding2d padding = {};
  std::array<std::int64_t, 2> dilation = {1, 1};
  std::int64_t groups = 1;
  bool bias = true;  ///< layers only: whether there is one
};

/// torch.nn.functional.conv2d, cross-correlation: y[n,p,q,k] = b[k] + sum over r,s,c of
/// x[n, p*stride+r*dilation-top, q*stride+s*dilation-left, c] * w[k,r,s,c].
/// x f32 [N,H,W,C], w f32 [K,R,S,C/groups], b f32 [K] -> y f32 [N,P,Q,K],
/// P = floor((H + top + bottom - dilation*(R-1) - 1) / stride) + 1.
TESSERA_API Var conv2d(Var x, Var w, std::optional<Var> b = {}, const Conv2dOptions& options = {},
                       std::string name = {});

/// Options of conv1d: Conv2dOptions along one dimension.
struct Conv1dOptions {
  std::int64_t stride = 1;
  std::array<std::int64_t, 2> padding = {0, 0};  ///< before and after
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
};

/// torch.nn.functional.conv1d: a conv2d over one row. x f32 [N,L,C], w f32 [K,S,C/groups],
/// b f32 [K] -> y f32 [N,Q,K].
TESSERA_API Var conv1d(Var x, Var w, std::optional<Var> b = {}, const Conv1dOptions& options = {},
                       std::string name = {});

/// Options of conv_transpose2d; pairs are rows and columns.
struct ConvTranspose2dOptions {
  std::array<std::int64_t, 2> stride = {1, 1};
  Padding2d padding = {};  ///< rows and columns removed from the result; not `same`
  std::array<std::int64_t, 2> output_padding = {0, 0};  ///< below stride or dilation
  std::array<std::int64_t, 2> dilation = {1, 1};
  std::int64_t groups = 1;
  bool bias = true;  ///< layers only: whether there is one
};

/// torch.nn.functional.conv_transpose2d: the gradient of a conv2d with respect to its input, as a
/// layer. y[n, p*stride+r*dilation-top, q*stride+s*dilation-left, k] sums x[n,p,q,c] * w[c,r,s,k].
/// x f32 [N,P,Q,C], w f32 [C,R,S,K/groups] (PyTorch's [C,K/groups,R,S], channels last), b f32 [K]
/// -> y f32 [N,H,W,K], H = (P-1)*stride - top - bottom + dilation*(R-1) + output_padding + 1.
TESSERA_API Var conv_transpose2d(Var x, Var w, std::optional<Var> b = {},
                                 const ConvTranspose2dOptions& options = {}, std::string name = {});

}  // namespace tessera
