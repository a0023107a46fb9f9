// The sizes of transform_image. Host and kernels compile this file: members of 4 bytes in this
// order, without padding.

// x [N,H,W,C], y [N,P,Q,C].
typedef struct {
  int H, W, C;
  int P, Q;
  int padding;
  int replicate;  // whether places outside take the nearest pixel, else 0
  int segment;    // pixels of a work-item
} TransformImageParams;
