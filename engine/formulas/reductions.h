// The table of reductions, from which the kernels of both backends are made. Included where
// REDUCTION says what becomes of a row; the expressions are OpenCL C and C++ at once, on vectors of
// floats.
//
//   REDUCTION(name, identity, term(x), combine(a, b), finish(a, n))
//
// y = finish(a, n) of the n terms of a reduction, combined to a. The term of 0 combines like the
// identity, or is x. Comparisons stand such that NaN passes.

// clang-format takes expressions in macros for declarations.
// clang-format off
REDUCTION(sum, 0.0f, x, a + b, a)
REDUCTION(mean, 0.0f, x, a + b, a / n)
REDUCTION(sum_squares, 0.0f, x * x, a + b, a)
REDUCTION(norm1, 0.0f, ABS(x), a + b, a)
REDUCTION(norm2, 0.0f, x * x, a + b, SQRT(a))
REDUCTION(amax, -INFINITY, x, SELECT((a > b) | (a != a), a, b), a)
REDUCTION(amin, INFINITY, x, SELECT((a < b) | (a != a), a, b), a)
