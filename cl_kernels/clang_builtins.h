// OpenCL's functions as operators and clang's builtins, for compilers that do not inline these
// functions. PoCL links them from a library built without -cl-denorms-are-zero, and since version
// 17 LLVM does not inline functions with another denormal mode: each fma or vload would be a call
// that spills all vectors. Results have the same bits. Included by common.h, after the vector
// types.

#define UNALIGNED(type) __attribute__((aligned(sizeof(type))))
#define DEFINE_ACCESS(space)                                                                    \
  static inline __attribute__((overloadable)) floatv load_vector(space const float* p) {        \
    typedef floatv unaligned UNALIGNED(float);                                                  \
    return *(space const unaligned*)p;                                                          \
  }                                                                                             \
  static inline __attribute__((overloadable)) void store_vector(floatv value, space float* p) { \
    typedef floatv unaligned UNALIGNED(float);                                                  \
    *(space unaligned*)p = value;                                                               \
  }
DEFINE_ACCESS(__global)
DEFINE_ACCESS(__local)
DEFINE_ACCESS(__private)

#undef LOAD
#undef STORE
#define LOAD(p) load_vector(p)
#define STORE(value, p) store_vector(value, p)

// The library defines some of them as macros.
#undef fma
#undef min
#undef max
#undef fmin
#undef fmax
#undef fabs
#undef floor
#undef sqrt
#undef select
#undef isnan
#undef isgreater
#undef isequal
#define fma(a, b, c) __builtin_elementwise_fma(a, b, c)
#define min(a, b) __builtin_elementwise_min(a, b)
#define max(a, b) __builtin_elementwise_max(a, b)
#define fmin(a, b) __builtin_elementwise_min(a, b)
#define fmax(a, b) __builtin_elementwise_max(a, b)
#define fabs(x) __builtin_elementwise_abs(x)
#define floor(x) __builtin_elementwise_floor(x)
#define sqrt(x) __builtin_elementwise_sqrt(x)
#define select(a, b, condition) ((condition) ? (b) : (a))
#define isnan(x) ((x) != (x))
#define isgreater(a, b) ((a) > (b))
#define isequal(a, b) ((a) == (b))
