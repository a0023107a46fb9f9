// Elementwise functions. Functions of several tensors broadcast: dimensions are aligned at the
// end, and missing dimensions or those of size 1 are repeated. All f32; semantics and defaults are
// PyTorch's.
#pragma once

#include <string>

#include "tessera/graph.h"

namespace tessera {

/// y = max(x, 0); the gradient at 0 is 0.
TESSERA_API Var relu(Var x, std::string name = {});
/// y = min(max(x, 0), 6).
TESSERA_API Var relu6(Var x, std::string name = {});
/// y = x for x > 0, else negative_slope * x.
TESSERA_API Var leaky_relu(Var x, double negative_slope = 0.01, std::string name = {});
/// y = x for x > 0, else weight * x. The weight broadcasts: [C] is one weight per channel.
TESSERA_API Var prelu(Var x, Var weight, std::string name = {});
/// y = x for x > 0, else alpha * (exp(x) - 1).
TESSERA_API Var elu(Var x, double alpha = 1, std::string name = {});
/// y = x * Phi(x), where Phi is the cumulative distribution function of the normal distribution.
TESSERA_API Var gelu(Var x, std::string name = {});
/// gelu(approximate='tanh'): y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).
TESSERA_API Var gelu_tanh(Var x, std::string name = {});
/// y = x * sigmoid(x).
TESSERA_API Var silu(Var x, std::string name = {});
/// y = x * min(max(x + 3, 0), 6) / 6.
TESSERA_API Var hardswish(Var x, std::string name = {});
/// y = min(max(x + 3, 0), 6) / 6.
TESSERA_API Var hardsigmoid(Var x, std::string name = {});
/// y = 1 / (1 + exp(-x)).
TESSERA_API Var sigmoid(Var x, std::string name = {});
/// y = tanh(x).
TESSERA_API Var tanh(Var x, std::string name = {});
/// y = log(1 + exp(beta * x)) / beta, or x if beta * x > threshold.
TESSERA_API Var softplus(Var x, double beta = 1, double threshold = 20, std::string name = {});
/// y = x * tanh(log(1 + exp(x))).
TESSERA_API Var mish(Var x, std::string name = {});

/// y = e^x.
TESSERA_API Var exp(Var x, std::string name = {});
/// The error function.
TESSERA_API Var erf(Var x, std::string name = {});
/// The natural logarithm.
TESSERA_API Var log(Var x, std::string name = {});
/// The square root; NaN for negative x.
TESSERA_API Var sqrt(Var x, std::string name = {});
/// y = 1 / sqrt(x).
TESSERA_API Var rsqrt(Var x, std::string name = {});
/// |x|; the gradient at 0 is 0.
TESSERA_API Var abs(Var x, std::string name = {});
/// y = -x.
TESSERA_API Var neg(Var x, std::string name = {});
/// y = x * x.
TESSERA_API Var square(Var x, std::string name = {});
/// y = min(max(x, min), max); an infinite bound has no effect. The gradient passes where min <= x
/// <= max.
TESSERA_API Var clamp(Var x, double min, double max, std::string name = {});

/// a + b.
TESSERA_API Var add(Var a, Var b, std::string name = {});
/// a - b.
TESSERA_API Var sub(Var a, Var b, std::string name = {});
/// a * b.
TESSERA_API Var mul(Var a, Var b, std::string name = {});
/// a / b.
TESSERA_API Var div(Var a, Var b, std::string name = {});
/// a to the power of b; NaN for negative a and non-integer b.
TESSERA_API Var pow(Var a, Var b, std::string name = {});
/// The smaller of a and b; NaN if one of them is NaN. Equal operands get half of the gradient each.
TESSERA_API Var minimum(Var a, Var b, std::string name = {});
/// The larger of a and b; see minimum.
TESSERA_API Var maximum(Var a, Var b, std::string name = {});
/// a + b, b a number.
TESSERA_API Var add(Var a, double b, std::string name = {});
/// a - b, b a number.
TESSERA_API Var sub(Var a, double b, std::string name = {});
/// a * b, b a number.
TESSERA_API Var mul(Var a, double b, std::string name = {});
/// a / b, b a number.
TESSERA_API Var div(Var a, double b, std::string name = {});
/// a to the power of b, b a number.
TESSERA_API Var pow(Var a, double b, std::string name = {});

/// Comparisons return 1 where they hold and 0 elsewhere, as f32 (PyTorch: bool), so that results
/// can be multiplied and summed. They have no gradient.
TESSERA_API Var equal(Var a, Var b, std::string name = {});
/// See equal.
TESSERA_API Var not_equal(Var a, Var b, std::string name = {});
/// See equal.
TESSERA_API Var less(Var a, Var b, std::string name = {});
/// See equal.
TESSERA_API Var less_equal(Var a, Var b, std::string name = {});
/// See equal.
TESSERA_API Var greater(Var a, Var b, std::string name = {});
/// See equal.
TESSERA_API Var greater_equal(Var a, Var b, std::string name = {});

/// y = a where the condition (f32, such as the result of a comparison) is not 0, else b. All three
/// broadcast. The gradient of the condition is 0.
TESSERA_API Var where(Var condition, Var a, Var b, std::string name = {});

}  // namespace tessera
