// The sizes of the kernels of matrix products, y = op(a) op(b) + bias with M x N x K. Host and
// kernels compile this file: members of 4 bytes in this order, without padding.

typedef struct {
  int has_bias;
  int M, N, K;
  int a_m, a_k, b_k, b_n;  // strides of op(a) and op(b)
} MatmulParams;

// For kernels that finish sums: a row has N columns.
typedef struct {
  int has_bias;
  int N;
  int slices;  // split-K slices; 1 where y holds the sums
} MatmulFinishParams;

typedef struct {
  int has_bias;
  int M, N, K;
  int k_block;           // K of a block
  int a_share, b_share;  // panels of a work-item
} MatmulPackedParams;

// `lines` rows of op(a) or columns of op(b), whose elements (i, k) are at i*line + k*step, in
// panels of `width` lines.
typedef struct {
  int lines, K;
  int line, step;
  int width;
} MatmulPackParams;
