// Dropout: the mask is worked out again from the generator, whose numbers are known.
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

Case dropout_case(std::string name, Shape shape, double p, std::int64_t seed, int step) {
  Case c{"dropout",
         std::move(name),
         {{"x", {DType::f32, std::move(shape)}, away_from_zero()},
          {"step", {DType::i32, {1}}, repeated({static_cast<double>(step)}), Role::state}},
         {{"p", p}, {"seed", seed}},
         {}};
  c.reference = [=](const Tensors& inputs, std::int64_t every) -> Tensors {
    HostTensor y(inputs[0].spec);
    for (std::int64_t i = 0; i < y.size(); i += every) {
      const auto block =
          philox(static_cast<std::uint64_t>(seed),
                 {static_cast<std::uint32_t>(i / 4), 0, static_cast<std::uint32_t>(step), 0});
      const double random = (block[static_cast<std::size_t>(i % 4)] >> 8) * 0x1.0p-24;
      y[i] = random < p ? 0 : inputs[0][i] / (1 - p);
    }
    return {y};
  };
  c.flops = 40 * static_cast<double>(c.inputs[0].spec.elements());
  return c;
}

}  // namespace

std::vector<Case> dropout_cases() {
  std::vector<Case> cases = {
      dropout_case("half of 1031", {1031}, 0.5, 7, 0),
      dropout_case("another step", {7, 5, 3}, 0.3, 7, 1234567),
      dropout_case("a seed of 64 bits", {13, 11}, 0.9, -0x123456789abcdef, 3),
      dropout_case("nothing", {17}, 0.0, 1, 1),
      dropout_case("everything", {17}, 1.0, 1, 1),
      dropout_case("no elements", {0}, 0.5, 1, 1),
      dropout_case("N64 H32 C64", {64, 32, 32, 64}, 0.5, 1, 1),
  };
  cases.back().bench_only = true;
  return cases;
}

}  // namespace tessera::cases
