// The sizes of fold_batch_norm. Host and kernel compile this file: members of 4 bytes in this
// order, without padding.
typedef struct {
  int affine, has_bias;
  float eps;
  int length;  // weights of a filter
} FoldBatchNormParams;
