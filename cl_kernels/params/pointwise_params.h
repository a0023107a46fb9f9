// The sizes of the kernels of pointwise.cl. Host and kernels compile this file: members of 4 bytes
// in this order, without padding.

typedef struct {
  float p, q;                  // attributes of the formula
  int u_step, v_step, w_step;  // 1: the operand has y's shape, 0: it is one number
  int elements;
} PointwiseParams;

typedef struct {
  float p, q;
  int rank;  // dimensions in the table
} BroadcastParams;
