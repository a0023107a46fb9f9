// The sizes of the kernels of conv2d_depthwise_slide.cl, which has macros R and S. Host and kernels
// compile this file: members of 4 bytes in this order, without padding.

// Strides and dilations are 1; result (p,q) reads from (p - before_h, q - before_w) on.
typedef struct {
  int H, W, C;
  int P, Q;
  int before_h, before_w;
  int tap_base, tap_step;  // weight i is at tap_base + i*tap_step: backwards for the gradient of x
  int non_temporal;        // whether to write y with non-temporal stores
} Conv2dDepthwiseSlideParams;

typedef struct {
  int rows, length;  // rows of dy; those of a piece
  int H, W, C;
  int P, Q;
  int before_h, before_w;
} Conv2dDepthwiseSlideDwParams;
