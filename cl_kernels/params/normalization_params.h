// The sizes of the kernels of normalization.cl and normalization_stream.cl. Host and kernels
// compile this file: members of 4 bytes in this order, without padding.
//
// x [N,L,G,D], C = G*D, normalized over L and D. Rows of a sample are cut into `parts` parts of
// `length` rows. affine: whether there are weights and biases. Activations let y through between
// low and high, which are infinite without one.

typedef struct {
  int L, C;
  int parts, length;
} NormalizationMomentsParams;

typedef struct {
  int L, G, D;
  int parts, length;
  float eps;
} NormalizationStatisticsParams;

typedef struct {
  int L, G;
  int parts, length;
  float eps, momentum;
} BatchNormStatisticsParams;

typedef struct {
  int affine;
  int L, G, D;
  int parts, length;
} NormalizeColumnsParams;

typedef struct {
  int affine;
  int G, D;
  float eps;
} NormalizeRowsParams;

typedef struct {
  int affine;
  int L, G, D;
  int parts, length;
  int per_statistic;  // rows that share mean and rstd
  float low, high;
} NormalizationSumsParams;

typedef struct {
  int affine;
  int G, D;
  int parts;
  float scale;  // 1 / elements of a group, or 0 if the statistics are constant
} NormalizationCoefficientsParams;

typedef struct {
  int affine;
  int L, G, D;
  int groups;  // N*G
  int parts, length;
  float low, high;
} NormalizeColumnsDxParams;

typedef struct {
  int affine;
  int G, D;
  float scale;  // as in NormalizationCoefficientsParams
} NormalizeRowsDxParams;

// For x [L,C] as a stream of `size` floats, of which a work-item takes `span`; period: a multiple
// of C and of the vectors' width, which divides span.
typedef struct {
  int size, period, span;
} StreamParams;

typedef struct {
  int L, C;
  int period;
  int rows;  // of x in a span
  int parts;
  float eps, momentum;
} StreamStatisticsParams;

typedef struct {
  int affine;
  int C, period;
} StreamOperandsParams;

typedef struct {
  int C, period;
  int parts;
  float share;  // 1 / L, or 0 if the statistics are constant
} StreamGradientParams;

// Activations let y through between low and high.
typedef struct {
  float low, high;
} ActivationRange;
