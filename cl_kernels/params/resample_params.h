// The sizes of resample. Host and kernels compile this file: members of 4 bytes in this order,
// without padding.

// x [outer,in,inner], y [outer,out,inner].
typedef struct {
  int in, out, inner;
} ResampleParams;
