// The softmax of one row, for softmax and the losses based on it. Include after common.h.

static inline floatv load_or(__global const float* p, int count, float rest) {
  return count >= V ? LOAD(p) : load_first(p, count, rest);
}

// Writes p = exp(x - largest) of a row x of K numbers; returns the largest and the sum of p.
static inline float2 exp_row(__global const float* restrict x, __global float* restrict p, int K) {
  floatv best = (floatv)(-INFINITY);
  for (int k = 0; k < K; k += V) best = fmax(best, load_or(x + k, K - k, -INFINITY));
  float lanes[V];
  STORE(best, lanes);
  float largest = lanes[0];
  for (int lane = 1; lane < V; ++lane) largest = fmax(largest, lanes[lane]);
  floatv sums = (floatv)(0.0f);
  for (int k = 0; k < K; k += V) {
    const floatv power = exp(load_or(x + k, K - k, -INFINITY) - largest);
    sums += power;
    store_lanes(power, p + k, K - k);
  }
  return (float2)(largest, lane_sum(sums));
}

// Writes the softmax p; -log p[k] is the second number minus (x[k] minus the first).
static inline float2 softmax_row(__global const float* restrict x, __global float* restrict p,
                                 int K) {
  const float2 row = exp_row(x, p, K);
  for (int k = 0; k < K; k += V) store_lanes(load_lanes(p + k, K - k) / row.y, p + k, K - k);
  return (float2)(row.x, log(row.y));
}
