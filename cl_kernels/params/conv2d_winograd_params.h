// The sizes of the kernels of conv2d_winograd.cl, conv2d_winograd_dw.cl and
// conv2d_winograd_local.cl. Host and kernels compile this file: members of 4 bytes in this order,
// without padding.
//
// Pixel (0,0) of y [N,P,Q,K] reads x [N,H,W,C] from (-before_h, -before_w) on.

// Weight (k,r,s,c) is at filter_base + k*filter_k + r*filter_r + s*filter_s + c*filter_c.
typedef struct {
  int K, C;
  int filter_base, filter_k, filter_r, filter_s, filter_c;
} WinogradPackParams;

typedef struct {
  int has_bias;
  int H, W, C;
  int P, Q, K;
  int before_h, before_w;
  int tiles, tile_share;    // all; those of a work-item
  int group;                // tiles transformed at a time
  int blocks, block_share;  // of result channels; those of a work-item
} WinogradParams;

typedef struct {
  int H, W, C;
  int P, Q, K;
  int before_h, before_w;
  int tiles, piece_tiles;   // all; those of a piece
  int group;                // tiles transformed at a time
  int row;                  // K in whole vectors
  int blocks, block_share;  // of channels of x; those of a work-item
} WinogradDwParams;

typedef struct {
  int C, row;
  int blocks, pieces;
} WinogradDwFinishParams;

// Matrices of `rows` x `row` channels, in whole vectors; tap t of a filter is weight first_tap +
// t*next_tap.
typedef struct {
  int K, C;
  int rows, row;
  int first_tap, next_tap;
} WinogradLocalFiltersParams;

// `tiles` tiles of the images from first_image on, a row of a matrix for each: C or K channels in
// whole vectors.
typedef struct {
  int H, W, C;
  int P, Q, K;
  int before_h, before_w;
  int first_image, tiles;
  int row;
} WinogradLocalParams;

typedef struct {
  int C;
  int rows, row;
  int slices;    // split-K slices
  int is_first;  // 0: dw has the sums of other images
} WinogradLocalWeightsParams;
