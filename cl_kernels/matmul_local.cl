// y = op(a) op(b) + bias, M x N x K, for a batch of matrices, by tiles in local memory, and the
// last stage of sums that several work-groups share.
//
// matmul_local: a work-group makes one tile of y (gemm_tile.h says how), or, where there are too
// few tiles for the device, the sum over one piece of k of it, for matmul_local_finish.
#include "gemm_tile.h"

// Dimension 0: tiles, those of a row of tiles side by side. Dimension 1: batch. Dimension 2: pieces
// of `piece` terms, a multiple of TILE_K; a piece has its own y. a_m, a_k, b_k, b_n: the strides of
// op(a) and op(b).
__kernel TILE_GROUP void matmul_local(__global const float* restrict a,
                                      __global const float* restrict b,
                                      __global const float* restrict bias,
                                      __global float* restrict y, int has_bias, int M, int N, int K,
                                      int a_m, int a_k, int b_k, int b_n, int piece, EPILOGUE) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  const size_t batch = get_global_id(1);
  const int begin = (int)get_global_id(2) * piece, end = min(begin + piece, K);
  a += batch * M * K;
  b += batch * K * N;
  y += get_global_id(2) * get_global_size(1) * M * N;
  // Loads beyond the last row or column take the last ones again; nobody stores their sums.
  int a_rows[A_LOADS], b_columns[B_LOADS];
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j)
    a_rows[j] = min(m + A_ROW(j), A_ALONG_K ? M - 1 : M - A_WIDTH) * a_m;
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j)
    b_columns[j] = min(n + B_COLUMN(j), B_ALONG_K ? N - 1 : N - B_WIDTH) * b_n;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, bias, has_bias, n, N, item);
#define FETCH(step)                                                  \
  UNROLL_ALL                                                         \
  for (int j = 0; j < A_LOADS; ++j) {                                \
    const int k = begin + (step)*TILE_K + A_K(j);                    \
    fetch(staged_a[j], a, a_rows[j] + k * a_k, k < end, A_WIDTH);    \
  }                                                                  \
  UNROLL_ALL                                                         \
  for (int j = 0; j < B_LOADS; ++j) {                                \
    const int k = begin + (step)*TILE_K + B_K(j);                    \
    fetch(staged_b[j], b, b_columns[j] + k * b_k, k < end, B_WIDTH); \
  }
  ADD_PRODUCTS((end - begin + TILE_K - 1) / TILE_K);
#undef FETCH
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int row = m + SUM_ROW(i);
    if (row < M)
      store_row(y, batch * M * N + (size_t)row * N, sums[i], n, N, item, EPILOGUE_ARGUMENTS);
  }
}

// y[i] = bias[i % N] + the sum over pieces of parts[piece, i], in order. An item is one element.
__kernel GROUP void matmul_local_finish(__global const float* restrict parts,
                                        __global const float* restrict bias,
                                        __global float* restrict y, int has_bias, EPILOGUE, int N,
                                        int pieces, int items, int chunk) {
  FOR_ITEMS(i) {
    float sum = has_bias ? bias[i % N] : 0.0f;
    for (int piece = 0; piece < pieces; ++piece) sum += parts[(size_t)piece * items + i];
    y[i] = finished_element(sum, i, EPILOGUE_ARGUMENTS);
  }
}
