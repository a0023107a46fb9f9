// The sizes of the kernels of conv2d_local.cl. Host and kernels compile this file: members of 4
// bytes in this order, without padding.

// How the kernels divide by a number that the host knows; a multiplier of 0 divides by 1.
typedef struct {
  unsigned int multiplier, shift;
} Divisor;

// A convolution of a tensor [H,W,C] of each image by R x S filters, whose results are pixels [P,Q]
// of K channels; M x N x K of the matrix product are gemm_m x gemm_n x gemm_k. Result p reads row
// h_base + p*h_stride + r*h_step for tap r; columns likewise.
typedef struct {
  int gemm_m, gemm_n, gemm_k;
  int slice;  // K of a split-K slice, a multiple of TILE_K
  int P, Q, C, S;
  Divisor by_P, by_Q, by_C, by_S;
  int H, W;
  int h_base, h_stride, h_step;
  int w_base, w_stride, w_step;
} Conv2dLocalParams;

// Where conv2d_local finds weight (k,r,s,c) and pixel (n,p,q) of the result: base + k*k_stride...
typedef struct {
  int has_bias;
  int filter_base, filter_k, filter_r, filter_s, filter_c;
  int y_base, y_n, y_p, y_q;
} Conv2dLocalStrides;
