// Views: the same elements under another shape.
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

Case reshape_case(Shape from, Shape to, DType dtype = DType::f32) {
  Case c{"reshape",
         to_string(from) + " as " + to_string(to),
         {{"x", {dtype, from}, dtype == DType::f32 ? uniform(-1, 1) : whole_numbers(0, 255)}},
         {{"shape", to}},
         [to](const Tensors& inputs, std::int64_t) -> Tensors {
           HostTensor y({inputs[0].spec.dtype, to});
           y.values = inputs[0].values;
           return {y};
         }};
  c.smooth = dtype == DType::f32;
  return c;
}

}  // namespace

std::vector<Case> reshape_cases() {
  return {
      reshape_case({2, 3, 5}, {2, 15}),
      reshape_case({7}, {7, 1, 1}),
      reshape_case({1}, {}),
      reshape_case({6, 4}, {3, 8}),
      reshape_case({3, 7}, {21}, DType::u8),
      reshape_case({3, 7}, {7, 3}, DType::i32),
  };
}

}  // namespace tessera::cases
