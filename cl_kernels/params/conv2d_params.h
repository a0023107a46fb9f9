// The sizes of the kernels of conv2d.cl, conv2d_operands.cl, conv2d_pointwise.cl and
// conv2d_dw_blocked.cl. Host and kernels compile this file: members of 4 bytes in this order,
// without padding.
//
// x [N,H,W,C], filter [K,R,S,C/groups], y [N,P,Q,K]. `run`: weights of a tap that are neighbors in
// x and in the filter. Channels of a group come in blocks that a work-item computes at once; outs:
// result channels of a group; blocks: those of a group; all_blocks: those of all groups.

typedef struct {
  int N, H, W, C, K, R, S, P, Q;
  int stride_h, stride_w;
  int padding_h, padding_w;
  int dilation_h, dilation_w;
  int groups;
} Conv2dParams;

// How a filter slides over x: for group g, pixel (n,p,q) reads x from base + n*n + p*p + q*q +
// g*group on, tap (r,s) r*r + s*s behind that.
typedef struct {
  int base, n, p, q, r, s, group;
} Conv2dSlideParams;

// Pixel (n,p,q) writes y_base + n*y_n + p*y_p + q*y_q. S is 1 where a run covers a row of taps.
typedef struct {
  int pixels, P, Q;
  int outs, blocks, all_blocks;
  int R, S, run;
  int packed_block, packed_tap, bias_base;  // as in Conv2dPackParams
  Conv2dSlideParams x;
  int y_base, y_n, y_p, y_q;
} Conv2dTileParams;

typedef struct {
  int N, P, Q, K;
  int outs, blocks, all_blocks;
  int images;  // of a piece
  int R, S, run;
  Conv2dSlideParams x;
  int dy_elements;
} Conv2dDwTileParams;

typedef struct {
  int taps;  // weights of a filter
  int outs, blocks, all_blocks;
  int pieces;
} Conv2dDwTileFinishParams;

// Weight (k,r,s,j) of a group is at base + group*filter_group + k*filter_k + r*filter_r +
// s*filter_s
// + j*filter_j; tap t = (r,s,j) of block b is packed at b*packed_block + t*packed_tap, the biases
// from bias_base on.
typedef struct {
  int has_bias;
  int block;  // result channels of a block
  int outs, blocks;
  int R, S, run;
  int filter_base, filter_k, filter_r, filter_s, filter_j, filter_group;
  int packed_block, packed_tap, bias_base;
} Conv2dPackParams;

// Rows of x_row floats, H for each image, become y_rows rows of y_row floats.
typedef struct {
  int H, x_row;
  int y_rows, y_row;
  int top;      // rows of zeros above
  int left;     // zeros before each row
  int segment;  // floats of a work-item
} Conv2dPadParams;

typedef struct {
  int pixels, C, K;
  int group;         // pixels of a work-item
  int non_temporal;  // whether to write y with non-temporal stores
} Conv2dPointwiseParams;

// `rows` rows of Q pixels of dy, P for each image, in pieces.
typedef struct {
  int rows, P, Q;
  int all_tiles, share;        // tiles; those of a work-item
  int piece_rows, block_rows;  // rows of a piece; rows that stay in the cache
  int R, S, run, blocks;
  Conv2dSlideParams x;
  int dy_pixel, dy_block;  // strides of dy
} Conv2dDwBlockedParams;

typedef struct {
  int pixels, K;
  int outs, blocks;
} Conv2dDwPackParams;

typedef struct {
  int taps, run;
  int outs, blocks;
  int all_tiles, pieces;
} Conv2dDwFinishParams;
