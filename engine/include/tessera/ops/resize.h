// Images of another size, and padding with the image itself. Both work axis by axis.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/ops/shape.h"

namespace tessera {

enum class Interpolation : std::uint8_t { nearest, bilinear };

/// How pixels between pixels are made.
struct ResizeOptions {
  Interpolation mode = Interpolation::nearest;
  /// bilinear: the outermost pixels keep their places, src = dst * (in - 1) / (out - 1); else
  /// src = max(0, (dst + 0.5) * in / out - 0.5). Nearest takes floor(dst * in / out).
  bool align_corners = false;
};

/// x f32 [N,H,W,C] -> y f32 [N,P,Q,C] for `size` = {P,Q}.
/// torch.nn.functional.interpolate with size.
TESSERA_API Var resize(Var x, const std::array<std::int64_t, 2>& size,
                       const ResizeOptions& options = {}, const std::string& name = {});
/// The same for P = floor(H * factor); in the formulas 1 / factor stands for in / out.
/// torch.nn.functional.interpolate with scale_factor.
TESSERA_API Var resize_by(Var x, const std::array<double, 2>& factors,
                          const ResizeOptions& options = {}, const std::string& name = {});

/// reflect: without repeating the border, widths below the size; replicate: the border goes on;
/// circular: the other end goes on, widths up to the size.
enum class PadMode : std::uint8_t { reflect, replicate, circular };
/// torch.nn.functional.pad with these modes, for any dimensions. x f32; widths are not negative.
TESSERA_API Var pad(Var x, const PadWidths& widths, PadMode mode, const std::string& name = {});

}  // namespace tessera
