// Whether a device multiplies matrices in less than float32: a small product tells.
#include <vector>

#include "backends/opencl/runtime/device.h"
#include "tessera/graph.h"
#include "tessera/ops.h"
#include "tessera/params.h"

namespace tessera::opencl {
namespace {

/// Whole numbers from -3 to 3, which no precision rounds.
std::vector<float> whole_numbers(std::int64_t count, std::int64_t step) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<std::int64_t>(i) * step % 7 - 3);
  return values;
}

/// Throws Error when the device's product of two odd matrices is not the right one.
void check_product(Device& device) {
  constexpr std::int64_t M = 71, N = 67, K = 37;
  Graph graph;
  const Var a = graph.input("a", {DType::f32, {M, K}}), b = graph.input("b", {DType::f32, {K, N}});
  graph.set_output("y", matmul(a, b));
  Params params(device);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  const std::vector<float> left = whole_numbers(M * K, 5), right = whole_numbers(K * N, 3);
  std::vector<float> found(static_cast<std::size_t>(M * N));
  executable->set_input("a", std::as_bytes(std::span(left)));
  executable->set_input("b", std::as_bytes(std::span(right)));
  executable->run();
  executable->read_output("y", std::as_writable_bytes(std::span(found)));
  for (std::int64_t i = 0; i < M * N; ++i) {
    float sum = 0;
    for (std::int64_t k = 0; k < K; ++k)
      sum += left[static_cast<std::size_t>(i / N * K + k)] *
             right[static_cast<std::size_t>(k * N + i % N)];
    if (found[static_cast<std::size_t>(i)] != sum)
      throw Error("probe", fmt::format("element {} of a product is {}, expected {}", i,
                                       found[static_cast<std::size_t>(i)], sum));
  }
}

}  // namespace

std::string OpenclDevice::set_matmul_precision(MatmulPrecision precision) {
  matrix_units_ = MatrixUnits::none;
  if (precision == MatmulPrecision::float32) return {};
  const MatrixUnits units =
      precision == MatmulPrecision::tf32 ? traits_.tf32_units : traits_.bf16_units;
  if (units == MatrixUnits::none)
    return fmt::format("{} has no known matrix units for {}", info_.name, to_string(precision));
  matrix_units_ = units;
  try {
    check_product(*this);
  } catch (const Error& error) {
    matrix_units_ = MatrixUnits::none;
    return fmt::format("the matrix units of {} failed a trial: {}", info_.name, error.what());
  }
  return {};
}

}  // namespace tessera::opencl
