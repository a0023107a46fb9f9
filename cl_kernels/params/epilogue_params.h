// How a kernel finishes the sums of a product: y = clamp(sum + residual, low, high). Host and
// kernels compile this file: members of 4 bytes in this order, without padding.
typedef struct {
  int has_residual;  // 0: the residual is not read
  float low, high;   // infinite without an activation
} EpilogueParams;
