// The sizes of the kernels of rearrange.cl. Host and kernels compile this file: members of 4 bytes
// in this order, without padding.

// The last axis of y has `inner` elements; index i reads x where 0 <= i - begin < extent and i -
// begin is a multiple of `every`, `stride` elements apart.
typedef struct {
  int rank;  // axes before the last one
  int x_start, y_start;
  int inner, begin, extent, stride, every;
  int segment;  // elements of a work-item
  unsigned int fill;
} RearrangeParams;
