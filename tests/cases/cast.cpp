// Changes of the element type.
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

double cut_off(double x) {
  if (std::isnan(x)) return 0;
  constexpr double most = std::numeric_limits<std::int32_t>::max();
  constexpr double least = std::numeric_limits<std::int32_t>::min();
  return x >= most ? most : x <= least ? least : std::trunc(x);
}

Case cast_case(DType from, DType to, Fill fill, const std::string& name = {}) {
  Case c{"cast",
         std::string(to_string(from)) + " to " + std::string(to_string(to)) + name,
         {{"x", {from, {7, 53}}, std::move(fill)}},
         {{"to", std::string(to_string(to))}},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor y({to, {7, 53}});
           for (std::int64_t i = 0; i < y.size(); ++i) {
             y[i] = to == DType::f32 ? inputs[0][i] : cut_off(inputs[0][i]);
             if (to == DType::u8) y[i] -= 256 * std::floor(y[i] / 256);
           }
           return Tensors{y};
         }};
  c.flops = 7 * 53;
  c.smooth = false;
  return c;
}

}  // namespace

std::vector<Case> cast_cases() {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = HUGE_VAL;
  const Fill outside = repeated({1.9, -1.9, 0.5, -0.5, 3e9, -3e9, infinity, -infinity, nan,
                                 2147483520, -2147483648, 255.5, 256, -1, 300.7});
  return {
      cast_case(DType::f32, DType::i32, uniform(-1000, 1000)),
      cast_case(DType::f32, DType::i32, outside, ", outside"),
      cast_case(DType::f32, DType::u8, uniform(0, 256)),
      cast_case(DType::f32, DType::u8, outside, ", outside"),
      cast_case(DType::i32, DType::f32, whole_numbers(-100000, 100000)),
      cast_case(DType::i32, DType::u8, whole_numbers(-1000, 1000)),
      cast_case(DType::u8, DType::f32, whole_numbers(0, 255)),
      cast_case(DType::u8, DType::i32, whole_numbers(0, 255)),
  };
}

}  // namespace tessera::cases
