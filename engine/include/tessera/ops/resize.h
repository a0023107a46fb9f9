// Resizing of images, and padding from the image itself. Both work axis by axis.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/ops/shape.h"

namespace tessera {

enum class Interpolation : std::uint8_t { nearest, bilinear };

/// Options of the interpolation.
struct ResizeOptions {
  Interpolation mode = Interpolation::nearest;
  /// bilinear: keeps the positions of the outermost pixels, src = dst * (in - 1) / (out - 1); else
  /// src = max(0, (dst + 0.5) * in / out - 0.5). nearest uses floor(dst * in / out).
  bool align_corners = false;
};

/// x f32 [N,H,W,C] -> y f32 [N,P,Q,C] for `size` = {P,Q}.
/// torch.nn.functional.interpolate with size.
TESSERA_API Var resize(Var x, const std::array<std::int64_t, 2>& size,
                       const ResizeOptions& options = {}, const std::string& name = {});
/// Does the same for P = floor(H * factor); the formulas use 1 / factor for in / out.
/// torch.nn.functional.interpolate with scale_factor.
TESSERA_API Var resize_by(Var x, const std::array<double, 2>& factors,
                          const ResizeOptions& options = {}, const std::string& name = {});

/// reflect: mirrors without repeating the border, for widths below the size. replicate: repeats the
/// border. circular: continues with the other end, for widths up to the size.
enum class PadMode : std::uint8_t { reflect, replicate, circular };
/// torch.nn.functional.pad with these modes, for any dimensions. x f32; widths must not be
/// negative.
TESSERA_API Var pad(Var x, const PadWidths& widths, PadMode mode, const std::string& name = {});

}  // namespace tessera
