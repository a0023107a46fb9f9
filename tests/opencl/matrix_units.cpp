// Products in less than float32: matrix units agree with the plain tiles where a device has them,
// and those that fail their trial are not used.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/philox.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

constexpr std::int64_t terms = 93;

/// A product of odd matrices and a convolution with stride and padding, each with `terms` terms or
/// fewer, of numbers in [-1,1].
Graph products() {
  Graph graph;
  const Var a = graph.input("a", {DType::f32, {67, terms}}),
            b = graph.input("b", {DType::f32, {71, terms}}),
            x = graph.input("x", {DType::f32, {2, 9, 7, 10}}),
            w = graph.input("w", {DType::f32, {35, 3, 3, 10}});
  graph.set_output("product", matmul(a, b, {.transpose_b = true}));
  graph.set_output("convolution", conv2d(x, w, {}, {.stride = {2, 1}, .padding = {1, 1, 1, 1}}));
  return graph;
}

struct Run {
  std::vector<std::vector<float>> outputs;
  std::vector<std::string> description;
};

Run run(OpenclDevice& device) {
  const Graph graph = products();
  Params params(device);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (const Value& value : graph.values()) {
    if (value.role != Role::input) continue;
    Philox random(3, value.name);
    std::vector<float> values(static_cast<std::size_t>(value.spec.elements()));
    for (float& number : values) number = 2 * random.uniform() - 1;
    executable->set_input(value.name, std::as_bytes(std::span(values)));
  }
  executable->run();
  Run result;
  result.description = executable->describe();
  for (const auto& output : graph.outputs()) {
    result.outputs.emplace_back(
        static_cast<std::size_t>(graph.value(output.value).spec.elements()));
    executable->read_output(output.name, std::as_writable_bytes(std::span(result.outputs.back())));
  }
  return result;
}

}  // namespace

TEST_CASE("matrix units agree with the plain tiles") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const Run expected = run(*device);
    for (MatmulPrecision precision : {MatmulPrecision::tf32, MatmulPrecision::bf16}) {
      const std::string reason = device->set_matmul_precision(precision);
      if (!reason.empty()) {
        MESSAGE("skipped: " << reason);
        continue;
      }
      const Run found = run(*device);
      // Each factor is rounded by at most half a unit in the last of 11 or 8 bits.
      const double factor = precision == MatmulPrecision::tf32 ? 0x1p-11 : 0x1p-8;
      for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
        CAPTURE(found.description[i]);
        CHECK(found.description[i].find("matrix_units") != std::string::npos);
        double worst = 0;
        for (std::size_t k = 0; k < expected.outputs[i].size(); ++k) {
          REQUIRE(std::isfinite(found.outputs[i][k]));
          worst = std::max(worst, std::abs(double{found.outputs[i][k]} - expected.outputs[i][k]));
        }
        CHECK(worst <= 2 * factor * terms);
        CHECK(worst > 0);  // something was rounded
      }
    }
    device->set_matmul_precision(MatmulPrecision::float32);
    CHECK(run(*device).outputs == expected.outputs);
  }
}

TEST_CASE("matrix units that fail their trial are not used") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_as_gpu(id);
    if (device->traits().bf16_units != MatrixUnits::none) continue;  // it may have them
    const Run expected = run(*device);
    Traits traits = device->traits();
    traits.bf16_units = MatrixUnits::sub_group_bf16;
    traits.sub_group = 8;
    OpenclDevice claims(device->cl_device(), device->info(), traits);
    const std::string reason = claims.set_matmul_precision(MatmulPrecision::bf16);
    CAPTURE(reason);
    CHECK(reason.find("failed a trial") != std::string::npos);
    CHECK(claims.matrix_units() == MatrixUnits::none);
    CHECK(run(*device).outputs == expected.outputs);
    CHECK(claims.set_matmul_precision(MatmulPrecision::tf32).find("no known matrix units") !=
          std::string::npos);
  }
}

}  // namespace tessera::opencl
