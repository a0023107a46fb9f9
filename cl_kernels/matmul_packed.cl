// y = op(a) op(b) + bias, M x N x K, for a batch of matrices too large for a CPU's cache.
//
// matmul_pack packs op(a) in panels of TILE_M rows and op(b) in panels of BLOCK columns, each
// contiguous along K and with zeros past the edge. A work-item of matmul_packed computes a block of
// y, of some panels of a and b. It loops over K in blocks, short enough for the blocks of its
// panels to stay in the cache; a register tile is TILE_M rows x NV vectors of columns, and `part`
// keeps its sums between blocks.
#include "common.h"
#include "matmul_params.h"

#ifndef NV
#define NV 2  // vectors of columns in a tile
#endif
#ifndef TILE_M
#define TILE_M 8  // rows of a tile
#endif

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// packed[batch, panel, k, width]: lines i of the matrix have elements i*line + k*step, where one of
// the two strides is 1. A work-item computes V elements along k of one panel.
__kernel GROUP void matmul_pack(__global const float* restrict from,
                                __global float* restrict packed, const MatmulPackParams args,
                                int items, int chunk) {
  const int K = args.K;
  const int parts = (K + V - 1) / V, panels = (args.lines + args.width - 1) / args.width;
  FOR_ITEMS(item) {
    const int k = item % parts * V, count = min(K - k, V), panel = item / parts % panels;
    const size_t batch = item / parts / panels;
    const int whole = min(args.lines - panel * args.width, args.width);
    __global const float* source = from + batch * args.lines * K +
                                   (size_t)panel * args.width * args.line + (size_t)k * args.step;
    __global float* to = packed + ((batch * panels + panel) * K + k) * args.width;
    if (args.step == 1) {
      for (int i = 0; i < args.width; ++i) {
        float values[V];
        STORE(i < whole ? load_lanes(source + (size_t)i * args.line, count) : (floatv)(0.0f),
              values);
        for (int j = 0; j < count; ++j) to[j * args.width + i] = values[j];
      }
    } else if (args.width % V == 0) {
      for (int j = 0; j < count; ++j, source += args.step, to += args.width)
        for (int i = 0; i < args.width; i += V) STORE(load_lanes(source + i, whole - i), to + i);
    } else {
      for (int j = 0; j < count; ++j, source += args.step, to += args.width)
        for (int i = 0; i < args.width; ++i) to[i] = i < whole ? source[i] : 0.0f;
    }
  }
}

static inline void store_result(floatv value, __global float* y, int count) {
  store_lanes(value, y, count);
}

// Adds `count` products to the sums of a tile, which start at 0 in the first block and else are in
// `part`. The last block stores the `rows` and `columns` inside y to y[at]; other blocks store all
// sums to `part`.
static inline void multiply_tile(__global const float* restrict a, __global const float* restrict b,
                                 int count, __global float* restrict part, bool is_first,
                                 bool is_last, __global const float* restrict bias, bool has_bias,
                                 __global float* restrict y, size_t at, int rows, int columns,
                                 int N, __global const float* restrict residual,
                                 const EpilogueParams epilogue) {
  floatv sums[TILE_M][NV];
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    sums[i][v] = is_first ? (floatv)(0.0f) : LOAD(part + i * BLOCK + v * V);
  for (int k = 0; k < count; ++k, a += TILE_M, b += BLOCK) {
    floatv right[NV];
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) right[v] = LOAD(b + v * V);
    UNROLL(TILE_M)
    for (int i = 0; i < TILE_M; ++i) {
      const floatv left = (floatv)(a[i]);
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(left, right[v], sums[i][v]);
    }
  }
  UNROLL(NV)
  for (int v = 0; v < NV; ++v) {
    const int lanes = columns - v * V;
    const floatv added = is_last && has_bias ? load_lanes(bias + v * V, lanes) : (floatv)(0.0f);
    UNROLL(TILE_M)
    for (int i = 0; i < TILE_M; ++i) {
      const size_t to = at + (size_t)i * N + v * V;
      if (!is_last)
        STORE(sums[i][v], part + i * BLOCK + v * V);
      else if (i < rows)
        store_result(finished(sums[i][v] + added, to, lanes, residual, epilogue), y + to, lanes);
    }
  }
}

// Dimensions: groups of panels of a, groups of panels of b, batch.
__kernel TILE_GROUP void matmul_packed(__global const float* restrict a,
                                       __global const float* restrict b,
                                       __global const float* restrict bias,
                                       __global float* restrict y, __global float* restrict part,
                                       const MatmulPackedParams args,
                                       __global const float* restrict residual,
                                       const EpilogueParams epilogue) {
  const int M = args.M, N = args.N, K = args.K;
  const int a_panels = (M + TILE_M - 1) / TILE_M, b_panels = (N + BLOCK - 1) / BLOCK;
  const int first_a = (int)get_global_id(0) * args.a_share,
            last_a = min(first_a + args.a_share, a_panels);
  const int first_b = (int)get_global_id(1) * args.b_share,
            last_b = min(first_b + args.b_share, b_panels);
  const size_t batch = get_global_id(2);
  const size_t item =
      (batch * get_global_size(1) + get_global_id(1)) * get_global_size(0) + get_global_id(0);
  __global float* own = part + item * args.a_share * args.b_share * TILE_M * BLOCK;
  for (int k = 0; k < K; k += args.k_block)
    for (int panel_b = first_b; panel_b < last_b; ++panel_b)
      for (int panel_a = first_a; panel_a < last_a; ++panel_a) {
        const int m = panel_a * TILE_M, n = panel_b * BLOCK;
        const int tile = (panel_b - first_b) * args.a_share + panel_a - first_a;
        multiply_tile(a + ((batch * a_panels + panel_a) * K + k) * TILE_M,
                      b + ((batch * b_panels + panel_b) * K + k) * BLOCK, min(args.k_block, K - k),
                      own + tile * TILE_M * BLOCK, k == 0, k + args.k_block >= K, bias + n,
                      args.has_bias, y, (batch * M + m) * N + n, M - m, N - n, N, residual,
                      epilogue);
      }
}
