// The sizes of the kernels of max_pool2d.cl. Host and kernels compile this file: members of 4 bytes
// in this order, without padding.

// Windows of R x S elements of x [N,H,W,C], results [N,P,Q,C]. A work-item computes `segment`
// pixels of a row and `span` channels of each; max_pool2d_dx_scatter reads neither.
typedef struct {
  int H, W, C;
  int P, Q;
  int R, S;
  int stride_h, stride_w;
  int padding_h, padding_w;
  int elements;  // of the tensor that vectors must not leave
  int segment, span;
} MaxPool2dParams;

typedef struct {
  int H, W, C;
  int P, Q;
} MaxPool2dWindowsParams;
