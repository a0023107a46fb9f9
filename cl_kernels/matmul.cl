// y = op(a) op(b) + bias, M x N x K, for a batch of matrices.
//
// matmul_rows: b is [K,N]; a work-item computes TILE_M rows x NV vectors of columns of y.
// matmul_dots: a is [M,K] and b [N,K]; a work-item computes TILE_M x TILE_N dot products.
// matmul_naive: any strides; a work-item computes one element. matmul_finish applies the epilogue
// of the other kernels to a stored product: bias, residual, activation.
#include "common.h"
#include "matmul_params.h"

#ifndef NV
#define NV 2  // vectors of columns in a tile of matmul_rows
#endif
#ifndef TILE_M
#define TILE_M 4  // rows of a tile
#endif
#ifndef TILE_N
#define TILE_N 4  // columns of a tile of matmul_dots
#endif

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// Dimensions: tiles of rows, blocks of columns, batch. a_m and a_k are the strides of op(a).
__kernel TILE_GROUP void matmul_rows(__global const float* restrict a,
                                     __global const float* restrict b,
                                     __global const float* restrict bias,
                                     __global float* restrict y, const MatmulParams args,
                                     int b_elements, __global const float* restrict residual,
                                     const EpilogueParams epilogue) {
  const int M = args.M, N = args.N, K = args.K;
  const int m = (int)get_global_id(0) * TILE_M, n = (int)get_global_id(1) * BLOCK;
  const size_t batch = get_global_id(2);
  __global const float* rows[TILE_M];
  floatv sums[TILE_M][NV];
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i) {
    rows[i] = a + batch * M * K + (size_t)min(m + i, M - 1) * args.a_m;
    UNROLL(NV)
    for (int v = 0; v < NV; ++v)
      sums[i][v] = args.has_bias ? load_lanes(bias + n + v * V, N - n - v * V) : (floatv)(0.0f);
  }
  const long base = (long)batch * K * N + n;
  // Rows of b from `whole` on have fewer than BLOCK elements left in b.
  const int whole =
      base + BLOCK > b_elements ? 0 : (int)min((b_elements - base - BLOCK) / N + 1, (long)K);
  __global const float* from = b + base;
  int k = 0;
  for (; k < whole; ++k, from += N) {
    floatv columns[NV];
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) columns[v] = LOAD(from + v * V);
    UNROLL(TILE_M)
    for (int i = 0; i < TILE_M; ++i) {
      const floatv value = (floatv)(rows[i][(size_t)k * args.a_k]);
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, columns[v], sums[i][v]);
    }
  }
  for (; k < K; ++k, from += N) UNROLL(NV)
  for (int v = 0; v < NV; ++v) {
    const floatv column = load_lanes(from + v * V, N - n - v * V);
    UNROLL(TILE_M)
    for (int i = 0; i < TILE_M; ++i)
      sums[i][v] = MULTIPLY_ADD((floatv)(rows[i][(size_t)k * args.a_k]), column, sums[i][v]);
  }
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i)
    if (m + i < M) UNROLL(NV)
  for (int v = 0; v < NV; ++v) {
    const size_t at = (batch * M + m + i) * N + n + v * V;
    const int count = N - n - v * V;
    store_lanes(finished(sums[i][v], at, count, residual, epilogue), y + at, count);
  }
}

// Adds the products of `count` elements from k on, at most V.
static inline void add_dots(__global const float* const* rows, __global const float* const* columns,
                            int k, int count, floatv (*sums)[TILE_N]) {
  floatv left[TILE_M];
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i) left[i] = load_lanes(rows[i] + k, count);
  UNROLL(TILE_N)
  for (int j = 0; j < TILE_N; ++j) {
    const floatv right = load_lanes(columns[j] + k, count);
    UNROLL(TILE_M)
    for (int i = 0; i < TILE_M; ++i) sums[i][j] = MULTIPLY_ADD(left[i], right, sums[i][j]);
  }
}

// Dimensions: tiles of rows, tiles of columns, batch.
__kernel TILE_GROUP void matmul_dots(__global const float* restrict a,
                                     __global const float* restrict b,
                                     __global const float* restrict bias,
                                     __global float* restrict y, const MatmulParams args,
                                     __global const float* restrict residual,
                                     const EpilogueParams epilogue) {
  const int M = args.M, N = args.N, K = args.K;
  const int m = (int)get_global_id(0) * TILE_M, n = (int)get_global_id(1) * TILE_N;
  const size_t batch = get_global_id(2);
  __global const float* rows[TILE_M];
  __global const float* columns[TILE_N];
  floatv sums[TILE_M][TILE_N];
  UNROLL(TILE_N)
  for (int j = 0; j < TILE_N; ++j) columns[j] = b + (batch * N + min(n + j, N - 1)) * K;
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i) {
    rows[i] = a + (batch * M + min(m + i, M - 1)) * K;
    UNROLL(TILE_N)
    for (int j = 0; j < TILE_N; ++j) sums[i][j] = (floatv)(0.0f);
  }
  int k = 0;
  for (; k <= K - V; k += V) add_dots(rows, columns, k, V, sums);
  if (k < K) add_dots(rows, columns, k, K - k, sums);
  UNROLL(TILE_M)
  for (int i = 0; i < TILE_M; ++i) UNROLL(TILE_N)
  for (int j = 0; j < TILE_N; ++j)
    if (m + i < M && n + j < N) {
      const size_t at = (batch * M + m + i) * N + n + j;
      const float sum = lane_sum(sums[i][j]) + (args.has_bias ? bias[n + j] : 0.0f);
      y[at] = finished_element(sum, at, residual, epilogue);
    }
}

// a_m, a_k, b_k, b_n are the strides of op(a) and op(b).
__kernel GROUP void matmul_naive(__global const float* restrict a, __global const float* restrict b,
                                 __global const float* restrict bias, __global float* restrict y,
                                 const MatmulParams args, __global const float* restrict residual,
                                 const EpilogueParams epilogue, int items, int chunk) {
  const int M = args.M, N = args.N, K = args.K;
  FOR_ITEMS(i) {
    const int n = i % N, m = i / N % M;
    const size_t batch = i / N / M;
    __global const float* row = a + batch * M * K + (size_t)m * args.a_m;
    __global const float* column = b + batch * K * N + (size_t)n * args.b_n;
    float sum = args.has_bias ? bias[n] : 0.0f;
    for (int k = 0; k < K; ++k)
      sum = MULTIPLY_ADD(row[(size_t)k * args.a_k], column[(size_t)k * args.b_k], sum);
    y[i] = finished_element(sum, i, residual, epilogue);
  }
}

// A work-item computes one element of y.
__kernel GROUP void matmul_finish(__global const float* restrict bias, __global float* restrict y,
                                  const MatmulFinishParams args,
                                  __global const float* restrict residual,
                                  const EpilogueParams epilogue, int items, int chunk) {
  const int N = args.N;
  FOR_ITEMS(i) {
    y[i] = finished_element(y[i] + (args.has_bias ? bias[i % N] : 0.0f), i, residual, epilogue);
  }
}
