// The rows of formulas.h as functions of vectors: row_add_y(a, b, _, _, _), row_add_da(a, b, dy, _,
// _). Inlined where a kernel file includes it, after common.h.

#define EXPRESSION(NAME, A, B, C, P, Q, VALUE)                                \
  static inline floatv NAME(floatv A, floatv B, floatv C, float P, float Q) { \
    return (floatv)(VALUE);                                                   \
  }
#define UNARY(NAME, P, Q, Y, DX)                     \
  EXPRESSION(row_##NAME##_y, x, no_b, no_c, P, Q, Y) \
  EXPRESSION(row_##NAME##_dx, x, y, dy, P, Q, DX)
#define BINARY(NAME, Y, DA, DB)                         \
  EXPRESSION(row_##NAME##_y, a, b, no_c, no_p, no_q, Y) \
  EXPRESSION(row_##NAME##_da, a, b, dy, no_p, no_q, DA) \
  EXPRESSION(row_##NAME##_db, a, b, dy, no_p, no_q, DB)
#define TERNARY(NAME, Y) EXPRESSION(row_##NAME##_y, a, b, c, no_p, no_q, Y)
#include "elementwise.h"
