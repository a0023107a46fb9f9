// A row of reductions.h as functions of vectors. Inlined where a kernel file includes it, after
// common.h.

#ifndef ROW
#define ROW row_sum  // a row of reductions.h
#endif

#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH)                                      \
  static inline floatv row_##NAME##_identity(void) { return (floatv)(IDENTITY); }             \
  static inline floatv row_##NAME##_term(floatv x) { return (floatv)(TERM); }                 \
  static inline floatv row_##NAME##_combine(floatv a, floatv b) { return (floatv)(COMBINE); } \
  static inline floatv row_##NAME##_finish(floatv a, float n) { return (floatv)(FINISH); }
#include "reductions.h"

#define IDENTITY() JOIN(ROW, _identity)()
#define TERM(x) JOIN(ROW, _term)(x)
#define COMBINE(a, b) JOIN(ROW, _combine)(a, b)

static inline floatv finish(floatv a, int last, float n) {
  return last ? JOIN(ROW, _finish)(a, n) : a;
}

// Combines terms in blocks first, so that the rounding errors of long sums stay small.
#define BLOCK 256

// Returns all lanes combined, in lane 0. Works lane by lane, since GPU compilers keep overlapping
// vectors in memory.
static inline floatv across(floatv value) {
  float lanes[V], others[V];
  UNROLL(V)
  for (int step = V / 2; step > 0; step /= 2) {
    STORE(value, lanes);
    UNROLL(V)
    for (int lane = 0; lane < V; ++lane) others[lane] = lane < step ? lanes[lane + step] : 0.0f;
    value = COMBINE(value, LOAD(others));
  }
  return value;
}
