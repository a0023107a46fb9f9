// The product of two tiles in local memory, the core of matrix products and convolutions on GPUs.
//
// A work-group computes TILE_M x TILE_N sums over k of a[m,k] * b[k,n], TILE_K values of k at a
// time. Its work-items together load a tile of a and a tile of b, in vectors along the contiguous
// dimension. Both tiles are double-buffered in local memory with k as their slow dimension: the
// next tiles are loaded (through registers) while the current ones are multiplied, with one barrier
// per step. A work-item keeps ITEM_M x ITEM_N sums in registers, in groups of 4 rows and columns
// that are interleaved with those of the adjacent work-items, so that reads of local memory are 16
// adjacent bytes.
//
// A kernel has a function that loads tiles number `step` into staged_a and staged_b, inlined.
#include "common.h"

#ifndef TILE_M
#define TILE_M 64  // rows of a work-group
#endif
#ifndef TILE_N
#define TILE_N 64  // columns of a work-group
#endif
#ifndef TILE_K
#define TILE_K 16  // terms in local memory at a time
#endif
#ifndef ITEM_M
#define ITEM_M 8  // rows of a work-item, a multiple of 4
#endif
#ifndef ITEM_N
#define ITEM_N 8  // columns of a work-item, a multiple of 4
#endif
#ifndef A_ALONG_K
#define A_ALONG_K 1  // whether neighbors in the memory of a are neighbors in k; else in m
#endif
#ifndef B_ALONG_K
#define B_ALONG_K 0  // whether neighbors in the memory of b are neighbors in k; else in n
#endif
#ifndef A_WIDTH
#define A_WIDTH 1  // floats in a load of a: 4 where all start at multiples of 4, else 1
#endif
#ifndef B_WIDTH
#define B_WIDTH 1  // floats in a load of b
#endif
#ifndef Y_WIDTH
#define Y_WIDTH 1  // floats in a store of the result
#endif
#ifndef SUB_GROUP
#define SUB_GROUP 0  // lanes of the sub-groups that the compiler must make, where it has a choice
#endif
#define WARP_TF32 1
#define WARP_BF16 2
#define SUB_GROUP_BF16 3
#ifndef MATRIX_UNITS
#define MATRIX_UNITS 0  // which matrix units multiply the tiles; 0: none, all is float32
#endif

#define ITEM_ROWS (TILE_M / ITEM_M)  // work-items above each other
#define ITEM_COLUMNS (TILE_N / ITEM_N)
#define ITEMS (ITEM_ROWS * ITEM_COLUMNS)
#if SUB_GROUP
#define TILE_GROUP                                      \
  __attribute__((intel_reqd_sub_group_size(SUB_GROUP))) \
  __attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#else
#define TILE_GROUP __attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#endif

// Puts adjacent k into different banks of local memory.
#if MATRIX_UNITS
#define PADDING 8
#else
#define PADDING 4
#endif

#define A_LANES ((A_ALONG_K ? TILE_K : TILE_M) / A_WIDTH)  // loads side by side in memory
#define B_LANES ((B_ALONG_K ? TILE_K : TILE_N) / B_WIDTH)
#define A_LOADS (TILE_M * TILE_K / A_WIDTH / ITEMS)  // of a work-item for one tile
#define B_LOADS (TILE_N * TILE_K / B_WIDTH / ITEMS)
#define A_PITCH (TILE_M + PADDING)  // floats from one k to the next in local memory
#define B_PITCH (TILE_N + PADDING)

#if ITEMS % A_LANES || ITEMS % B_LANES || TILE_M * TILE_K % (A_WIDTH * ITEMS) || \
    TILE_N * TILE_K % (B_WIDTH * ITEMS)
#error "the work-items do not divide the tiles evenly"
#endif

// The position of load j of a work-item in its tile; `lanes` divides ITEMS, so that one of the two
// coordinates is the same for all its loads.
#define ACROSS(lanes, width) (item % (lanes) * (width))
#define DOWN(j, lanes) ((j) * (ITEMS / (lanes)) + item / (lanes))
#define A_K(j) (A_ALONG_K ? ACROSS(A_LANES, A_WIDTH) : DOWN(j, A_LANES))
#define A_ROW(j) (A_ALONG_K ? DOWN(j, A_LANES) : ACROSS(A_LANES, A_WIDTH))
#define B_K(j) (B_ALONG_K ? ACROSS(B_LANES, B_WIDTH) : DOWN(j, B_LANES))
#define B_COLUMN(j) (B_ALONG_K ? DOWN(j, B_LANES) : ACROSS(B_LANES, B_WIDTH))

#define INLINE static inline __attribute__((always_inline))
#define UNROLL_ALL __attribute__((opencl_unroll_hint))

// Loads `width` floats, or zeros if the position is outside. The first floats must be readable in
// any case.
INLINE void fetch(float* to, __global const float* from, int offset, bool inside, int width) {
  const int safe = inside ? offset : 0;
  if (width == 4) {
    const float4 value = *(__global const float4*)(from + safe);
    vstore4(inside ? value : (float4)(0.0f), 0, to);
  } else {
    const float value = from[safe];
    *to = inside ? value : 0.0f;
  }
}

#if MATRIX_UNITS
#include "gemm_matrix_units.h"
#else
#define TILE_WORDS TILE_K  // rows of 32-bit words in a tile
// Row and column in the work-group's tile of a work-item's sum [i][j].
#define SUM_ROW(i) ((i) / 4 * 4 * ITEM_ROWS + item / ITEM_COLUMNS * 4 + (i) % 4)
#define SUM_COLUMN(j) ((j) / 4 * 4 * ITEM_COLUMNS + item % ITEM_COLUMNS * 4 + (j) % 4)

// Stores `width` floats of row or column `row`, from k on; adjacent in k if along_k.
INLINE void put(__local float* tile, int pitch, int k, int row, const float* from, int width,
                bool along_k) {
  __local float* const to = tile + k * pitch + row;
  if (width == 1) {
    *to = *from;
  } else if (along_k) {
    const float4 value = vload4(0, from);
    to[0] = value.s0;
    to[pitch] = value.s1;
    to[2 * pitch] = value.s2;
    to[3 * pitch] = value.s3;
  } else {
    *(__local float4*)to = vload4(0, from);
  }
}

INLINE void multiply_tiles(__local const float* a, __local const float* b,
                           float sums[ITEM_M][ITEM_N], int item) {
  a += SUM_ROW(0);
  b += SUM_COLUMN(0);
  UNROLL(2)  // more would keep more operands waiting in registers
  for (int k = 0; k < TILE_K; ++k, a += A_PITCH, b += B_PITCH) {
    float left[ITEM_M], right[ITEM_N];
    UNROLL_ALL
    for (int i = 0; i < ITEM_M; i += 4)
      vstore4(*(__local const float4*)(a + i * ITEM_ROWS), 0, left + i);
    UNROLL_ALL
    for (int j = 0; j < ITEM_N; j += 4)
      vstore4(*(__local const float4*)(b + j * ITEM_COLUMNS), 0, right + j);
    UNROLL_ALL
    for (int i = 0; i < ITEM_M; ++i) UNROLL_ALL
    for (int j = 0; j < ITEM_N; ++j) sums[i][j] = MULTIPLY_ADD(left[i], right[j], sums[i][j]);
  }
}
#endif

INLINE void put_tiles(__local float* a, __local float* b, const float staged_a[A_LOADS][A_WIDTH],
                      const float staged_b[B_LOADS][B_WIDTH], int item) {
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j)
    put(a, A_PITCH, A_K(j), A_ROW(j), staged_a[j], A_WIDTH, A_ALONG_K);
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j)
    put(b, B_PITCH, B_K(j), B_COLUMN(j), staged_b[j], B_WIDTH, B_ALONG_K);
}

// Declares the tiles of both buffers, as float4 for alignment, at the top of a kernel.
#define TILE_MEMORY                                    \
  __local float4 tile_a[2 * TILE_WORDS * A_PITCH / 4]; \
  __local float4 tile_b[2 * TILE_WORDS * B_PITCH / 4]; \
  float staged_a[A_LOADS][A_WIDTH], staged_b[B_LOADS][B_WIDTH]

#define PUT_TILES(buffer)                                           \
  put_tiles((__local float*)tile_a + (buffer)*TILE_WORDS * A_PITCH, \
            (__local float*)tile_b + (buffer)*TILE_WORDS * B_PITCH, staged_a, staged_b, item)

// Adds the products of tiles 0..steps-1 to `sums`; load(loads, step, staged_a, staged_b, item)
// returns zeros for tile `steps`. A macro, since OpenCL C cannot pass functions.
#define ADD_PRODUCTS(steps, load, loads)                                                        \
  do {                                                                                          \
    load(loads, 0, staged_a, staged_b, item);                                                   \
    PUT_TILES(0);                                                                               \
    barrier(CLK_LOCAL_MEM_FENCE);                                                               \
    for (int step = 0; step < (steps); ++step) {                                                \
      const int buffer = step & 1;                                                              \
      load(loads, step + 1, staged_a, staged_b, item);                                          \
      multiply_tiles((__local const float*)tile_a + buffer * TILE_WORDS * A_PITCH,              \
                     (__local const float*)tile_b + buffer * TILE_WORDS * B_PITCH, sums, item); \
      PUT_TILES(buffer ^ 1);                                                                    \
      barrier(CLK_LOCAL_MEM_FENCE);                                                             \
    }                                                                                           \
  } while (0)

// The sums start with the bias of their columns, if there is one.
INLINE void start_sums(float sums[ITEM_M][ITEM_N], __global const float* restrict bias,
                       bool has_bias, int n, int N, int item) {
  UNROLL_ALL
  for (int j = 0; j < ITEM_N; ++j) {
    const int column = n + SUM_COLUMN(j);
    const float start = has_bias && column < N ? bias[column] : 0.0f;
    UNROLL_ALL
    for (int i = 0; i < ITEM_M; ++i) sums[i][j] = start;
  }
}

// Stores results: Y_WIDTH adjacent columns of one row.
INLINE void store_sums(__global float* to, const float* sums) {
#if Y_WIDTH == 4
  *(__global float4*)to = vload4(0, sums);
#elif Y_WIDTH == 2
  *(__global float2*)to = vload2(0, sums);
#else
  *to = *sums;
#endif
}

// Stores a row of the sums at columns n.. of the row of N columns that starts at y[row].
INLINE void store_row(__global float* y, size_t row, const float sums[ITEM_N], int n, int N,
                      int item, __global const float* restrict residual,
                      const EpilogueParams epilogue) {
  UNROLL_ALL
  for (int j = 0; j < ITEM_N; j += Y_WIDTH) {
    const int column = n + SUM_COLUMN(j);
    if (column < N) {
      float results[Y_WIDTH];
      UNROLL_ALL
      for (int i = 0; i < Y_WIDTH; ++i)
        results[i] = finished_element(sums[j + i], row + column + i, residual, epilogue);
      store_sums(y + row + column, results);
    }
  }
}
