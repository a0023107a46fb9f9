// Elementwise functions y = f(u, v, w; p, q): the formulas of one row of the table. A work-item
// computes a vector of V elements.
#include "common.h"
#include "formula_functions.h"
#include "pointwise_params.h"

#ifndef ROW
#define ROW row_add  // a row of formulas.h; some compilers have macros named exp or abs
#endif
#ifndef ARITY
#define ARITY 2  // its number of operands
#endif
#ifndef GRADIENTS
#define GRADIENTS 1  // whether it has gradients that are computed
#endif

#define OPERAND(data, offset, step, count) \
  ((step) ? load_lanes((data) + (offset), count) : (floatv)((data)[offset]))

// Each operand has the shape of y (step 1) or is one number (step 0).
#define KERNEL(PART)                                                                             \
  __kernel GROUP void PART(__global const float* restrict u_, __global const float* restrict v_, \
                           __global const float* restrict w_, __global float* restrict y_,       \
                           const PointwiseParams args, int items, int chunk) {                   \
    FOR_ITEMS(i) {                                                                               \
      const int first = i * V, count = args.elements - first;                                    \
      const floatv u = OPERAND(u_, first * args.u_step, args.u_step, count);                     \
      const floatv v = OPERAND(v_, first * args.v_step, args.v_step, count);                     \
      const floatv w = OPERAND(w_, first * args.w_step, args.w_step, count);                     \
      store_lanes(JOIN(ROW, _##PART)(u, v, w, args.p, args.q), y_ + first, count);               \
    }                                                                                            \
  }

// Broadcast operands: `table` has for each of `rank` dimensions its size and the steps of u, v and
// w (0 where repeated; 0 or 1 in the last one).
#define KERNEL_BROADCAST(PART)                                                                    \
  __kernel GROUP void JOIN(PART, _broadcast)(                                                     \
      __global const float* restrict u_, __global const float* restrict v_,                       \
      __global const float* restrict w_, __global float* restrict y_,                             \
      __global const int* restrict table, const BroadcastParams args, int items, int chunk) {     \
    __global const int* last = table + 4 * (args.rank - 1);                                       \
    const int inner = last[0], vectors = (inner + V - 1) / V;                                     \
    FOR_ITEMS(i) {                                                                                \
      const int row = i / vectors, column = i % vectors * V, count = inner - column;              \
      size_t at_u = (size_t)column * last[1], at_v = (size_t)column * last[2],                    \
             at_w = (size_t)column * last[3];                                                     \
      int rest = row;                                                                             \
      for (int d = args.rank - 2; d >= 0; --d) {                                                  \
        const int size = table[4 * d], place = rest % size;                                       \
        at_u += (size_t)place * table[4 * d + 1];                                                 \
        at_v += (size_t)place * table[4 * d + 2];                                                 \
        at_w += (size_t)place * table[4 * d + 3];                                                 \
        rest /= size;                                                                             \
      }                                                                                           \
      const floatv u = OPERAND(u_, at_u, last[1], count);                                         \
      const floatv v = OPERAND(v_, at_v, last[2], count);                                         \
      const floatv w = OPERAND(w_, at_w, last[3], count);                                         \
      store_lanes(JOIN(ROW, _##PART)(u, v, w, args.p, args.q), y_ + (size_t)row * inner + column, \
                  count);                                                                         \
    }                                                                                             \
  }

KERNEL(y)
#if ARITY == 1
KERNEL(dx)
#else
KERNEL_BROADCAST(y)
#if ARITY == 2 && GRADIENTS
KERNEL(da)
KERNEL(db)
KERNEL_BROADCAST(da)
KERNEL_BROADCAST(db)
#endif
#endif
