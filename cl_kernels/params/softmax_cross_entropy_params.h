// The sizes and attributes of the kernels of softmax_cross_entropy.cl. Host and kernels compile
// this file: members of 4 bytes in this order, without padding.

typedef struct {
  int K;                     // classes
  int has_targets;           // whether `labels` holds the bits of targets [N,K]
  float smoothing, each;     // label smoothing; that divided by K
  int has_ignored, ignored;  // whether rows with label `ignored` count for nothing
  int normalized;            // whether the logits are logarithms of probabilities
} CrossEntropyParams;

typedef struct {
  int N;
  int keeps_rows;  // whether each row keeps its loss
  int mean;        // whether the sum is divided by the divisors' sum
} CrossEntropyFinishParams;

typedef struct {
  int keeps_rows;  // as in CrossEntropyFinishParams
  int of_targets;  // whether dx is the gradient of the targets, else of the logits
} CrossEntropyGradientParams;
