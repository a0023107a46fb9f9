// The sizes of the kernels of reduce.cl. Host and kernels compile this file: members of 4 bytes in
// this order, without padding.

// x [outer,reduce,inner], y [outer,parts,inner]; a part has `length` rows.
typedef struct {
  int reduce, inner;
  int parts, length;
  int elements;     // of x; reduce_rows reads none
  int first, last;  // whether this launch makes terms; whether it finishes
  float n;          // number of terms
} ReduceParams;

typedef struct {
  int reduce, inner;
  float sign;  // 1: argmax, -1: argmin
} ReducePlaceParams;
