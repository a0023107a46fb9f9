// The sizes of the kernels of gather.cl. Host and kernels compile this file: members of 4 bytes in
// this order, without padding.

// x [outer,A,inner], y [outer,I,inner]; index (o,i,n) is at o*outer_step + i*step + n*inner_step.
typedef struct {
  int A, I, inner;
  int outer_step, step, inner_step;
  int segment;  // columns of a work-item
  int rows;     // rows of dx of a work-item of gather_dx
} GatherParams;
