// The sizes of image_to_float. Host and kernel compile this file: members of 4 bytes in this order,
// without padding.

// x [N,H,W,C] with `padding` rows and columns on each side.
typedef struct {
  int H, W, C;
  int padding;
  int segment;  // pixels of a work-item
} ImageToFloatParams;
