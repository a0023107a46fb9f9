// Denormals, which slow x86 processors down a hundredfold.
#pragma once

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace tessera {

/// Flushes denormal operands and results of its thread to zero while it lives. The momenta of
/// weights without gradients end as denormals, since 0.9 times the smallest rounds to itself. Other
/// processors than x86 are not slowed down; there it does nothing.
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
