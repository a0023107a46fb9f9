// Shared by all kernels: vectors of V lanes, work-group size, and the loop over the elements of a
// work-item.
#include "epilogue_params.h"

#ifndef V
#define V 4  // lanes of a vector: 1, 4, 8 or 16
#endif
#ifndef LOCAL
#define LOCAL 1  // work-items in a work-group of a one-dimensional launch
#endif
#ifndef USE_FMA
#define USE_FMA 1  // whether the device has a fused multiply-add in hardware
#endif

#ifndef USE_CLANG_BUILTINS
#define USE_CLANG_BUILTINS 0  // whether the compiler is clang and translates its builtins
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if V == 1
typedef float floatv;
typedef int intv;
#define LOAD(p) (*(p))
#define STORE(value, p) (*(p) = (value))
#define LOAD_BYTES(p) ((int)*(p))
#define STORE_BYTES(value, p) (*(p) = (uchar)(value))
#else
typedef JOIN(float, V) floatv;
typedef JOIN(int, V) intv;
#define LOAD(p) JOIN(vload, V)(0, p)
#define STORE(value, p) JOIN(vstore, V)(value, 0, p)
#define LOAD_BYTES(p) JOIN(convert_int, V)(JOIN(vload, V)(0, p))
#define STORE_BYTES(value, p) JOIN(vstore, V)(JOIN(convert_uchar, V)(value), 0, p)
#endif

#if USE_FMA
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

#if USE_CLANG_BUILTINS
#if __has_builtin(__builtin_elementwise_fma)
#include "clang_builtins.h"
#endif
#endif

// The names that the tables of formulas use.
#define SELECT(condition, a, b) select((floatv)(b), (floatv)(a), (intv)(condition))
#define ABS(x) fabs(x)
#define ERF(x) erf(x)
#define EXP(x) exp(x)
#define EXPM1(x) expm1(x)
#define LOG(x) log(x)
#define LOG1P(x) log1p(x)
#define POW(a, b) pow(a, b)
#define SQRT(x) sqrt(x)
#define TANH(x) tanh(x)

#define UNROLL(count) __attribute__((opencl_unroll_hint(count)))
#define GROUP __attribute__((reqd_work_group_size(LOCAL, 1, 1)))

// A launch over `items` gives each work-item `chunk` consecutive items: 1 on GPUs, so that adjacent
// work-items access adjacent memory, many on CPUs.
#define FOR_ITEMS(i) \
  for (int i = (int)get_global_id(0) * chunk, i##_end = min(i + chunk, items); i < i##_end; ++i)

// Returns the first `count` lanes, and the other lanes of `rest`.
static inline floatv first_lanes(floatv value, int count, floatv rest) {
  float lanes[V], others[V];
  STORE(value, lanes);
  STORE(rest, others);
  UNROLL(V)
  for (int lane = 0; lane < V; ++lane) lanes[lane] = lane < count ? lanes[lane] : others[lane];
  return LOAD(lanes);
}

// Loads the first `count` lanes; the others are `rest`. Does not read at or past p + count.
static inline floatv load_first(__global const float* p, int count, float rest) {
  float lanes[V];
  UNROLL(V)
  for (int lane = 0; lane < V; ++lane) lanes[lane] = lane < count ? p[lane] : rest;
  return LOAD(lanes);
}

static inline floatv load_lanes(__global const float* p, int count) {
  if (count >= V) return LOAD(p);
  return load_first(p, count, 0.0f);
}

static inline void store_lanes(floatv value, __global float* p, int count) {
  if (count >= V) {
    STORE(value, p);
    return;
  }
  float lanes[V];
  STORE(value, lanes);
  UNROLL(V)  // with a count known at compile time, so that GPUs keep the lanes in registers
  for (int lane = 0; lane < V; ++lane)
    if (lane < count) p[lane] = lanes[lane];
}

// Prefetches the cache line at p. OpenCL's own prefetch does nothing on PoCL.
#if USE_CLANG_BUILTINS
#define PREFETCH(p) __builtin_prefetch((const void*)(size_t)(p))
#else
#define PREFETCH(p)
#endif

// Non-temporal stores, for results that are too large to stay in the cache until they are read. If
// the compiler supports them, a cache line is written without being read first. `p` is aligned to
// whole vectors.
#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define STORE_PAST_CACHE(value, p) __builtin_nontemporal_store(value, (__global floatv*)(p))
#endif
#endif
#ifndef STORE_PAST_CACHE
#define STORE_PAST_CACHE(value, p) STORE(value, p)
#endif

static inline void store_output(floatv value, __global float* p, int count, int past_cache) {
  if (past_cache && count >= V)
    STORE_PAST_CACHE(value, p);
  else
    store_lanes(value, p, count);
}

// A clamping activation; NaN passes.
static inline floatv clamped(floatv y, float low, float high) {
  y = y < low ? (floatv)(low) : y;
  return y > high ? (floatv)(high) : y;
}

// Whether the epilogue changes the sums; worth a check if the sums are short.
static inline bool has_epilogue(const EpilogueParams epilogue) {
  return epilogue.has_residual || epilogue.low > -INFINITY || epilogue.high < INFINITY;
}

// Adds `count` floats of the residual, which has y's shape, from y[at] on to `sum`, and clamps.
static inline floatv finished(floatv sum, size_t at, int count,
                              __global const float* restrict residual,
                              const EpilogueParams epilogue) {
  if (epilogue.has_residual) sum += load_lanes(residual + at, count);
  return clamped(sum, epilogue.low, epilogue.high);
}
static inline float finished_element(float sum, size_t at, __global const float* restrict residual,
                                     const EpilogueParams epilogue) {
  if (epilogue.has_residual) sum += residual[at];
  return sum < epilogue.low ? epilogue.low : sum > epilogue.high ? epilogue.high : sum;
}

// Returns dy where the activation did not clamp y, else 0.
static inline floatv where_inside(floatv y, float low, float high, floatv dy) {
  return ((y <= low) | (y >= high)) ? (floatv)(0.0f) : dy;
}

// The sum of the lanes, always in the same order.
static inline float lane_sum(floatv value) {
  float lanes[V];
  STORE(value, lanes);
  UNROLL(V)
  for (int step = V / 2; step > 0; step /= 2)
    for (int lane = 0; lane < step; ++lane) lanes[lane] += lanes[lane + step];
  return lanes[0];
}
