// One in-place optimizer step for many tensors: a work-group updates one piece of one tensor, in
// vectors of V elements. Tensors share blocks of memory.
#include "common.h"
#include "optimizer_step.h"
#include "optimizer_step_params.h"

// A row of `pieces`: the start of the piece in the blocks w, dw, a and b, its number of elements,
// and the start of its tensor's constants. If an op has no `extra` or fewer states, other buffers
// are bound and not used.
#define PIECE_NUMBERS 6

#define STEP(NAME, STATES, EXTRA, ONCE, EACH)                                              \
  __kernel GROUP void NAME(                                                                \
      __global float* restrict w_block, __global const float* restrict dw_block,           \
      __global float* restrict a_block, __global float* restrict b_block,                  \
      __global const float* restrict lr_block, __global const EXTRA* restrict extra_block, \
      __global const float* restrict constants, __global const int* restrict pieces,       \
      const OptimizerStepParams args) {                                                    \
    __global const int* piece = pieces + PIECE_NUMBERS * get_group_id(0);                  \
    __global float* w_ = w_block + piece[0];                                               \
    __global const float* dw_ = dw_block + piece[1];                                       \
    __global float* a_ = a_block + piece[2];                                               \
    __global float* b_ = b_block + piece[3];                                               \
    __global const float* k = constants + piece[5];                                        \
    const float lr = lr_block[args.lr_at];                                                 \
    if (isnan(lr)) return;                                                                 \
    const EXTRA extra = extra_block[args.extra_at];                                        \
    ONCE;                                                                                  \
    for (int i = (int)get_local_id(0) * V; i < piece[4]; i += LOCAL * V) {                 \
      const int count = piece[4] - i;                                                      \
      floatv w = load_lanes(w_ + i, count), a, b;                                          \
      const floatv dw = load_lanes(dw_ + i, count);                                        \
      if (STATES > 0) a = load_lanes(a_ + i, count);                                       \
      if (STATES > 1) b = load_lanes(b_ + i, count);                                       \
      EACH;                                                                                \
      store_lanes(w, w_ + i, count);                                                       \
      if (STATES > 0) store_lanes(a, a_ + i, count);                                       \
      if (STATES > 1) store_lanes(b, b_ + i, count);                                       \
    }                                                                                      \
  }

OPTIMIZER_STEPS(STEP)
