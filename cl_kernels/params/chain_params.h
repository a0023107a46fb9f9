// The sizes of the kernel of chain.cl. Host and kernel compile this file: members of 4 bytes in
// this order, without padding.

// Elements are [outer,middle,inner]. A kernel without a reduction reads the first two alone.
typedef struct {
  int middle, inner;
  int parts, length;  // of what is reduced
  int last;           // whether this launch finishes the reduction
  float n;            // number of terms
} ChainParams;
