// Numbers below 1.2e-38, for which a processor takes a hundred times as long.
#pragma once

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace tessera {

/// While it lives, denormal operands and results of its thread are zero. The velocities of weights
/// that get no more gradients end as denormals: 0.9 of the smallest rounds to itself. Elsewhere
/// than on x86 processors are not slowed down, and nothing changes.
class FlushDenormals {
 public:
#if defined(__SSE__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | results | operands); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned results = 1u << 15, operands = 1u << 6;  // FTZ and DAZ of MXCSR
  unsigned before_;
#endif
};

}  // namespace tessera
