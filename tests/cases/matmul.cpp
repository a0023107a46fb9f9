// Matrix products, plain, transposed, in batches and with a bias; dense layers are among them.
#include <algorithm>
#include <cmath>

#include "tessera/ops.h"
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

struct Product {
  std::int64_t M, N, K;
  bool transpose_a = false, transpose_b = false, bias = false;
  Shape batch = {};
};

Tensors matmul(const Tensors& inputs, std::int64_t every, const Product& p) {
  const HostTensor &a = inputs[0], &b = inputs[1];
  Shape shape = p.batch;
  shape.insert(shape.end(), {p.M, p.N});
  HostTensor y({DType::f32, shape});
  for (std::int64_t i = 0; i < y.size(); i += every) {
    const std::int64_t n = i % p.N, m = i / p.N % p.M, product = i / p.N / p.M;
    double total = p.bias ? inputs[2][n] : 0;
    for (std::int64_t k = 0; k < p.K; ++k)
      total += a[product * p.M * p.K + (p.transpose_a ? k * p.M + m : m * p.K + k)] *
               b[product * p.K * p.N + (p.transpose_b ? n * p.K + k : k * p.N + n)];
    y[i] = total;
  }
  return {y};
}

Case matmul_case(std::string name, const Product& p) {
  Shape a = p.batch, b = p.batch;
  a.insert(a.end(), {p.transpose_a ? p.K : p.M, p.transpose_a ? p.M : p.K});
  b.insert(b.end(), {p.transpose_b ? p.N : p.K, p.transpose_b ? p.K : p.N});
  Case c{
      "matmul",
      std::move(name),
      {{"a", {DType::f32, a}}, {"b", {DType::f32, b}, uniform(-1, 1), Role::parameter}},
      {{"transpose_a", std::int64_t{p.transpose_a}}, {"transpose_b", std::int64_t{p.transpose_b}}},
      [p](const Tensors& inputs, std::int64_t every) { return matmul(inputs, every, p); }};
  if (p.bias) c.inputs.push_back({"bias", {DType::f32, {p.N}}, uniform(-1, 1), Role::parameter});
  const std::int64_t products = element_count(p.batch);
  c.flops = 2.0 * static_cast<double>(products * p.M) * static_cast<double>(p.N * p.K);
  c.tolerance = for_sum_of(p.K);
  c.gradient_tolerance = for_sum_of(products * std::max(p.M, p.N));
  return c;
}

/// A dense layer, as dense() appends it.
Case dense_case(std::string name, std::int64_t N, std::int64_t features, std::int64_t K) {
  return matmul_case(std::move(name), {N, K, features, false, true, true});
}

void add_transposes(std::vector<Case>& cases, const std::string& name, Product p) {
  for (bool transpose_a : {false, true})
    for (bool transpose_b : {false, true}) {
      p.transpose_a = transpose_a;
      p.transpose_b = transpose_b;
      cases.push_back(matmul_case(
          name + (transpose_a ? ", a transposed" : "") + (transpose_b ? ", b transposed" : ""), p));
    }
}

/// The place of batch `i` of y among those of an operand.
std::int64_t own_batch(std::int64_t i, const Shape& y, const Shape& operand) {
  std::int64_t place = 0, stride = 1;
  for (std::size_t back = 1; back <= operand.size(); ++back) {
    const std::int64_t size = operand[operand.size() - back];
    place += i % y[y.size() - back] % size * stride;
    i /= y[y.size() - back];
    stride *= size;
  }
  return place;
}

/// Batches that are repeated, as the function matmul makes them equal.
Case broadcast_case(const Shape& a, const Shape& b, const Shape& y, const Product& p) {
  Case c = matmul_case("batches " + to_string(a) + " and " + to_string(b), p);
  Shape &a_shape = c.inputs[0].spec.shape, &b_shape = c.inputs[1].spec.shape;
  a_shape.insert(a_shape.begin(), a.begin(), a.end());
  b_shape.insert(b_shape.begin(), b.begin(), b.end());
  c.reference = [=](const Tensors& inputs, std::int64_t) {
    Tensors whole = inputs;  // with every batch spelt out
    for (std::size_t k : {0u, 1u}) {
      const std::int64_t size = p.K * (k == 0 ? p.M : p.N);
      whole[k].values.clear();
      for (std::int64_t i = 0; i < element_count(y); ++i) {
        const auto first = inputs[k].values.begin() + own_batch(i, y, k == 0 ? a : b) * size;
        whole[k].values.insert(whole[k].values.end(), first, first + size);
      }
    }
    Product full = p;
    full.batch = y;
    return matmul(whole, 1, full);
  };
  c.build = [=](const std::vector<Var>& x) -> std::vector<Var> {
    std::optional<Var> bias;
    if (p.bias) bias = x[2];
    return {tessera::matmul(x[0], x[1], {p.transpose_a, p.transpose_b}, bias)};
  };
  c.gradient_tolerance = for_sum_of(element_count(y) * std::max(p.M, p.N));
  return c;
}

}  // namespace

std::vector<Case> matmul_cases() {
  std::vector<Case> cases = {
      matmul_case("1x1x1", {1, 1, 1}),
      matmul_case("row times column", {1, 1, 37}),
      matmul_case("column times row", {13, 11, 1}),
      matmul_case("one row", {1, 23, 17}),
      matmul_case("one column", {23, 1, 17}),
      matmul_case("K=6", {19, 7, 6}),
      matmul_case("long sum", {3, 5, 1031}),
      matmul_case("many rows", {1031, 3, 2}),
      matmul_case("batch of one, bias", {5, 7, 3, false, false, true, {1}}),
      matmul_case("two batch dimensions, bias", {5, 3, 7, true, false, true, {2, 3}}),
      matmul_case("no rows", {0, 3, 5}),
      matmul_case("nothing to sum, bias", {3, 5, 0, false, false, true}),
      matmul_case("nothing to sum, larger", {73, 61, 0, false, true, true}),
      matmul_case("rows and columns of blocks differ", {146, 61, 87, true, true}),
      matmul_case("several of the largest tiles", {259, 131, 21, false, true, true}),
      matmul_case("several of the largest tiles, rows of fours", {260, 132, 20}),
      dense_case("dense, batch 1", 1, 7, 5),
      dense_case("tutorial fc1", 4, 400, 120),
      dense_case("tutorial fc2", 4, 120, 84),
      dense_case("tutorial fc3", 4, 84, 10),
  };
  add_transposes(cases, "67x71x73", {67, 71, 73});
  cases.push_back(broadcast_case({2, 3}, {}, {2, 3}, {5, 7, 3, false, true, true}));
  cases.push_back(broadcast_case({3}, {1, 1}, {1, 3}, {5, 2, 7}));
  cases.push_back(broadcast_case({3}, {}, {3}, {5, 7, 4, true, false}));
  cases.push_back(broadcast_case({}, {4}, {4}, {3, 5, 7}));
  cases.push_back(broadcast_case({2, 1}, {3}, {2, 3}, {4, 3, 5, false, true}));
  add_transposes(cases, "bias, 17x13x29", {17, 13, 29, false, false, true});
  add_transposes(cases, "batch of 3, 7x11x5", {7, 11, 5, false, false, false, {3}});
  add_transposes(cases, "larger than a cache, bias, 133x531x531",
                 {133, 531, 531, false, false, true});
  const auto fused = [&](std::string name, const Product& p, bool residual, double most) {
    cases.push_back(with_epilogue(matmul_case("epilogue: " + name, p), residual, most));
  };
  fused("bias and relu, one row", {1, 23, 17, false, true, true}, false, HUGE_VAL);
  fused("residual, 19x7x6", {19, 7, 6}, true, 0);
  fused("bias, residual and relu6, batch of 3", {7, 11, 5, false, true, true, {3}}, true, 6);
  fused("bias, residual and relu, larger than a cache", {133, 531, 131, true, true, true}, true,
        HUGE_VAL);
  fused("residual and relu, several tiles", {146, 61, 87, false, false, false, {2}}, true,
        HUGE_VAL);
  fused("residual and relu, long sum", {5, 35, 2063, false, true}, true, HUGE_VAL);
  const std::size_t small = cases.size();
  for (std::int64_t size : {512, 1024, 2048})
    cases.push_back(matmul_case(std::to_string(size), {size, size, size}));
  add_transposes(cases, "1024, batch of 4", {1024, 1024, 1024, false, false, false, {4}});
  cases.push_back(matmul_case("scores of attention", {65, 65, 64, false, true, false, {192}}));
  cases.push_back(matmul_case("values of attention", {65, 64, 65, false, false, false, {192}}));
  cases.push_back(dense_case("tutorial fc1, batch 64", 64, 400, 120));
  cases.push_back(dense_case("tutorial fc2, batch 64", 64, 120, 84));
  cases.push_back(dense_case("tutorial fc3, batch 64", 64, 84, 10));
  for (std::size_t i = small; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases
