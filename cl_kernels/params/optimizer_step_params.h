// Where the kernels of optimizer_step.cl find numbers in blocks of memory. Host and kernels compile
// this file: members of 4 bytes in this order, without padding.
typedef struct {
  int lr_at, extra_at;
} OptimizerStepParams;
