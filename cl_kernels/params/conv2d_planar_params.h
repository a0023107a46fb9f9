// The sizes of the kernels of conv2d_planar.cl and conv2d_dw_planar.cl. Host and kernels compile
// this file: members of 4 bytes in this order, without padding.
//
// Pixel (0,0) of y [N,P,Q,K] reads x [N,H,W,C] from (-before_h, -before_w) on.

// Weight (k,r,s,c) is at filter_base + k*filter_k + r*filter_r + s*filter_s + c*filter_c.
typedef struct {
  int has_bias;
  int H, W, C;
  int P, Q;
  int before_h, before_w;
  int R, S;
  int filter_base, filter_k, filter_r, filter_s, filter_c;
  int shares, share;  // work-items of an image; rows of each
  int plane_row;      // floats of a row of a plane
  int scratch_size;   // floats of a work-item
} Conv2dPlanarParams;

typedef struct {
  int N, H, W, C;
  int P, Q;
  int R, S;
  int before_h, before_w;
  int share;          // rows of dy of a work-item
  int x_row, dy_row;  // floats of a row of a plane
  int scratch_size;   // floats of a work-item
} Conv2dDwPlanarParams;

typedef struct {
  int taps, pieces;
  int scratch_size;
} Conv2dDwPlanarFinishParams;
