// The table of elementwise formulas, which generates the ops, gradients and kernels of both
// backends. Define UNARY, BINARY and TERNARY to expand the rows, then include this file; the
// expressions are valid OpenCL C and C++, on vectors of floats.
//
//   UNARY(name, p, q, y, dx)     op name(x) with up to two attributes, and name_dx
//   BINARY(name, y, da, db)      op name(a, b), and name_da and name_db
//   TERNARY(name, y)             op name(a, b, c)
//
// A gradient may name x, y, dy (unary) or a, b, dy (binary); it reads the variables that it names.
// `dy` alone and `0.0f` alone cost nothing: the gradient is passed on or ends here. Absent
// attributes are no_p and no_q. Functions are in capitals; SELECT(condition, if, else). Comparisons
// are written so that NaN passes.

// clang-format takes expressions in macros for declarations.
// clang-format off
#define SIGMOID(x) (1.0f / (1.0f + EXP(-(x))))
#define SOFTPLUS(x) (MAXIMUM(x, 0.0f) + LOG1P(EXP(-ABS(x))))
#define MAXIMUM(a, b) SELECT(((a) > (b)) | ((a) != (a)), a, b)
#define MINIMUM(a, b) SELECT(((a) < (b)) | ((a) != (a)), a, b)
#define NORMAL_CDF(x) (0.5f * (1.0f + ERF((x) * 0.70710678f)))
// The tanh of the approximation of gelu, and the derivative of its argument.
#define GELU_TANH(x) TANH(0.79788456f * ((x) + 0.044715f * (x) * (x) * (x)))
#define GELU_SLOPE(x) (0.79788456f * (1.0f + 0.134145f * (x) * (x)))

UNARY(relu, no_p, no_q, SELECT(x < 0.0f, 0.0f, x), SELECT(y <= 0.0f, 0.0f, dy))
UNARY(relu6, no_p, no_q, SELECT(x < 0.0f, 0.0f, SELECT(x > 6.0f, 6.0f, x)),
      SELECT((y <= 0.0f) | (y >= 6.0f), 0.0f, dy))
UNARY(leaky_relu, negative_slope, no_q, SELECT(x > 0.0f, x, x * negative_slope),
      SELECT(x > 0.0f, dy, dy * negative_slope))
UNARY(elu, alpha, no_q, SELECT(x > 0.0f, x, alpha * EXPM1(x)),
      SELECT(x > 0.0f, dy, dy * alpha * EXP(x)))
UNARY(gelu, no_p, no_q, x * NORMAL_CDF(x),
      dy * (NORMAL_CDF(x) + x * 0.39894228f * EXP(-0.5f * x * x)))
UNARY(gelu_tanh, no_p, no_q, 0.5f * x * (1.0f + GELU_TANH(x)),
      dy * 0.5f * (1.0f + GELU_TANH(x) +
                   x * (1.0f - GELU_TANH(x) * GELU_TANH(x)) * GELU_SLOPE(x)))
UNARY(silu, no_p, no_q, x * SIGMOID(x), dy * SIGMOID(x) * (1.0f + x * (1.0f - SIGMOID(x))))
UNARY(hardswish, no_p, no_q,
      SELECT(x <= -3.0f, 0.0f, SELECT(x >= 3.0f, x, x * (x + 3.0f) * (1.0f / 6.0f))),
      SELECT(x < -3.0f, 0.0f, SELECT(x > 3.0f, dy, dy * (x * (1.0f / 3.0f) + 0.5f))))
UNARY(hardsigmoid, no_p, no_q,
      SELECT(x <= -3.0f, 0.0f, SELECT(x >= 3.0f, 1.0f, (x + 3.0f) * (1.0f / 6.0f))),
      SELECT((x > -3.0f) & (x < 3.0f), dy * (1.0f / 6.0f), 0.0f))
UNARY(sigmoid, no_p, no_q, SIGMOID(x), dy * y * (1.0f - y))
UNARY(tanh, no_p, no_q, TANH(x), dy * (1.0f - y * y))
UNARY(softplus, beta, threshold, SELECT(x * beta > threshold, x, SOFTPLUS(x * beta) / beta),
      SELECT(x * beta > threshold, dy, dy * SIGMOID(x * beta)))
UNARY(mish, no_p, no_q, x * TANH(SOFTPLUS(x)),
      dy * (TANH(SOFTPLUS(x)) +
            x * SIGMOID(x) * (1.0f - TANH(SOFTPLUS(x)) * TANH(SOFTPLUS(x)))))
UNARY(exp, no_p, no_q, EXP(x), dy * y)
UNARY(erf, no_p, no_q, ERF(x), dy * 1.12837917f * EXP(-x * x))
UNARY(log, no_p, no_q, LOG(x), dy / x)
UNARY(sqrt, no_p, no_q, SQRT(x), dy * 0.5f / y)
UNARY(rsqrt, no_p, no_q, 1.0f / SQRT(x), dy * -0.5f * y * y * y)
UNARY(abs, no_p, no_q, ABS(x), SELECT(x > 0.0f, dy, SELECT(x < 0.0f, -dy, 0.0f)))
UNARY(neg, no_p, no_q, -x, -dy)
UNARY(square, no_p, no_q, x * x, 2.0f * x * dy)
UNARY(huber, delta, no_q,
      SELECT(ABS(x) <= delta, 0.5f * x * x, delta * (ABS(x) - 0.5f * delta)),
      dy * MINIMUM(MAXIMUM(x, -delta), delta))
UNARY(clamp, min, max, MINIMUM(MAXIMUM(x, min), max),
      SELECT((x < min) | (x > max), 0.0f, dy))

BINARY(add, a + b, dy, dy)
BINARY(sub, a - b, dy, -dy)
BINARY(mul, a * b, dy * b, dy * a)
BINARY(div, a / b, dy / b, -dy * (a / b) / b)
BINARY(pow, POW(a, b), SELECT(b == 0.0f, 0.0f, dy * b * POW(a, b - 1.0f)),
       SELECT((a == 0.0f) & (b >= 0.0f), 0.0f, dy * POW(a, b) * LOG(a)))
BINARY(minimum, MINIMUM(a, b), SELECT(a < b, dy, SELECT(a == b, 0.5f * dy, 0.0f)),
       SELECT(b < a, dy, SELECT(a == b, 0.5f * dy, 0.0f)))
BINARY(maximum, MAXIMUM(a, b), SELECT(a > b, dy, SELECT(a == b, 0.5f * dy, 0.0f)),
       SELECT(b > a, dy, SELECT(a == b, 0.5f * dy, 0.0f)))
BINARY(prelu, SELECT(a > 0.0f, a, a * b), SELECT(a > 0.0f, dy, dy * b),
       SELECT(a > 0.0f, 0.0f, dy * a))
BINARY(kl_divergence, SELECT(b == 0.0f, b, b * LOG(b)) - b * a, -dy * b,
       SELECT(b == 0.0f, 0.0f, dy * (LOG(b) + 1.0f - a)))
BINARY(equal, SELECT(a == b, 1.0f, 0.0f), 0.0f, 0.0f)
BINARY(not_equal, SELECT(a != b, 1.0f, 0.0f), 0.0f, 0.0f)
BINARY(less, SELECT(a < b, 1.0f, 0.0f), 0.0f, 0.0f)
BINARY(less_equal, SELECT(a <= b, 1.0f, 0.0f), 0.0f, 0.0f)
BINARY(greater, SELECT(a > b, 1.0f, 0.0f), 0.0f, 0.0f)
BINARY(greater_equal, SELECT(a >= b, 1.0f, 0.0f), 0.0f, 0.0f)

TERNARY(where, SELECT(a != 0.0f, b, c))
