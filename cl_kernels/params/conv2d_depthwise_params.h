// The sizes of the kernels of conv2d_depthwise.cl. Host and kernels compile this file: members of
// 4 bytes in this order, without padding.

// x [N,H,W,C], y [N,P,Q,K]. Result p reads row h_base + p*h_stride + r*h_step for tap r; columns
// likewise. Channel k reads channels (k*lane_mul + j) / lane_div of x, for j below depth.
typedef struct {
  int H, W, C;
  int P, Q, K;
  int R, S;
  int all_taps;  // of the whole filter
  int depth, lane_mul, lane_div;
  int h_base, h_stride, h_step;
  int w_base, w_stride, w_step;
  int tap_base, tap_r, tap_s;  // which tap of the whole filter (r,s) is
  int y_base, y_n, y_p, y_q;
} Conv2dDepthwiseParams;

typedef struct {
  int has_bias;
  int taps, depth;
  int channels, width;  // result channels; in whole vectors
} Conv2dDepthwisePackParams;

typedef struct {
  int K, taps;
  int pieces;
} Conv2dDepthwiseFinishParams;

typedef struct {
  int rows, length;  // rows of dy; those of a piece
  int H, W, C, P, Q, K, R, S;
  int stride_h, stride_w;
  int padding_h, padding_w;
  int dilation_h, dilation_w;
} Conv2dDepthwiseDwParams;
