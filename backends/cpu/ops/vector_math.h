// Functions of vectors: Eigen's where it has them for vectors as wide as ours, else lane by lane.
#pragma once

// GCC 12 means its own AVX-512 header.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <Eigen/Core>
#include <unsupported/Eigen/SpecialFunctions>

#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {

template <typename Function, typename... Vectors>
[[gnu::always_inline]] inline Vec apply_eigen(const Function& function, const Vectors&... x) {
  using Packet = Eigen::internal::packet_traits<float>::type;
  if constexpr (Eigen::internal::functor_traits<Function>::PacketAccess &&
                sizeof(Packet) == sizeof(Vec)) {
    const auto packet = [](const Vec& v) {
      Packet p;
      std::memcpy(&p, &v, sizeof p);
      return p;
    };
    const Packet p = function.packetOp(packet(x)...);
    Vec y;
    std::memcpy(&y, &p, sizeof y);
    return y;
  } else {
    Vec y{};
    for (int i = 0; i < lanes; ++i) y[i] = function(x[i]...);
    return y;
  }
}

inline Vec splat(float x) { return broadcast(x); }
inline Vec splat(Vec x) { return x; }

inline Vec abs(Vec x) { return Vec(IntVec(x) & 0x7fffffff); }
// Eigen's stops at a small number: softmax wants 0 of what is masked by minus infinity.
inline Vec exp(Vec x) {
  const Vec y = apply_eigen(Eigen::internal::scalar_exp_op<float>(), x);
  return x < -87.33f ? Vec{} : y;
}
inline Vec expm1(Vec x) { return apply_eigen(Eigen::internal::scalar_expm1_op<float>(), x); }
inline Vec log(Vec x) { return apply_eigen(Eigen::internal::scalar_log_op<float>(), x); }
inline Vec log1p(Vec x) { return apply_eigen(Eigen::internal::scalar_log1p_op<float>(), x); }
// Not Eigen's, whose fast one makes NaN of infinity.
inline Vec sqrt(Vec x) {
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
inline Vec tanh(Vec x) { return apply_eigen(Eigen::internal::scalar_tanh_op<float>(), x); }
inline Vec erf(Vec x) { return apply_eigen(Eigen::internal::scalar_erf_op<float>(), x); }
inline Vec pow(Vec a, Vec b) {
  return apply_eigen(Eigen::internal::scalar_pow_op<float, float>(), a, b);
}

}  // namespace TESSERA_CPU_NAMESPACE

// What the table of formulas calls them.
#define SELECT(condition, a, b) ((condition) ? splat(a) : splat(b))
#define ABS(x) abs(x)
#define ERF(x) erf(x)
#define EXP(x) exp(x)
#define EXPM1(x) expm1(x)
#define LOG(x) log(x)
#define LOG1P(x) log1p(x)
#define POW(a, b) pow(a, b)
#define SQRT(x) sqrt(x)
#define TANH(x) tanh(x)
