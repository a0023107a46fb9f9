// y = op(a) op(b) + bias, M x N x K, for a batch of matrices, by tiles in local memory, and the sum
// of split-K slices.
//
// matmul_local: a work-group computes one tile of y (see gemm_tile.h) or, if there are too few
// tiles for the device, one split-K slice of it, for matmul_local_finish.
#include "gemm_tile.h"
#include "matmul_params.h"

// The loads of a work-item, from `begin` to `end` of K.
typedef struct {
  __global const float *a, *b;
  int a_k, b_k;
  int begin, end;
  int rows[A_LOADS], columns[B_LOADS];
} Loads;

INLINE void load_tiles(const Loads* loads, int step, float staged_a[A_LOADS][A_WIDTH],
                       float staged_b[B_LOADS][B_WIDTH], int item) {
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j) {
    const int k = loads->begin + step * TILE_K + A_K(j);
    fetch(staged_a[j], loads->a, loads->rows[j] + k * loads->a_k, k < loads->end, A_WIDTH);
  }
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j) {
    const int k = loads->begin + step * TILE_K + B_K(j);
    fetch(staged_b[j], loads->b, loads->columns[j] + k * loads->b_k, k < loads->end, B_WIDTH);
  }
}

// Dimension 0: tiles, row by row. Dimension 1: batch. Dimension 2: split-K slices, each with its
// own y.
__kernel TILE_GROUP void matmul_local(__global const float* restrict a,
                                      __global const float* restrict b,
                                      __global const float* restrict bias,
                                      __global float* restrict y, const MatmulParams args,
                                      int slice, __global const float* restrict residual,
                                      const EpilogueParams epilogue) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int M = args.M, N = args.N, K = args.K, tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  const size_t batch = get_global_id(1);
  Loads loads;
  loads.a = a + batch * M * K;
  loads.b = b + batch * K * N;
  loads.a_k = args.a_k;
  loads.b_k = args.b_k;
  loads.begin = (int)get_global_id(2) * slice;
  loads.end = min(loads.begin + slice, K);
  y += get_global_id(2) * get_global_size(1) * M * N;
  // Loads past the last row or column repeat the last one; their sums are not stored.
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j)
    loads.rows[j] = min(m + A_ROW(j), A_ALONG_K ? M - 1 : M - A_WIDTH) * args.a_m;
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j)
    loads.columns[j] = min(n + B_COLUMN(j), B_ALONG_K ? N - 1 : N - B_WIDTH) * args.b_n;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, bias, args.has_bias, n, N, item);
  ADD_PRODUCTS((loads.end - loads.begin + TILE_K - 1) / TILE_K, load_tiles, &loads);
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int row = m + SUM_ROW(i);
    if (row < M)
      store_row(y, batch * M * N + (size_t)row * N, sums[i], n, N, item, residual, epilogue);
  }
}

// y[i] = bias[i % N] + the sum over slices of parts[slice, i], in order. A work-item computes one
// element.
__kernel GROUP void matmul_local_finish(__global const float* restrict parts,
                                        __global const float* restrict bias,
                                        __global float* restrict y, const MatmulFinishParams args,
                                        __global const float* restrict residual,
                                        const EpilogueParams epilogue, int items, int chunk) {
  FOR_ITEMS(i) {
    float sum = args.has_bias ? bias[i % args.N] : 0.0f;
    for (int slice = 0; slice < args.slices; ++slice) sum += parts[(size_t)slice * items + i];
    y[i] = finished_element(sum, i, residual, epilogue);
  }
}
