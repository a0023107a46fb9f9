// Writing into a history, in place.
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

Tensors record(const Tensors& inputs, std::int64_t) {
  HostTensor history = inputs[1], counter = inputs[2];
  history[static_cast<std::int64_t>(counter[0]) % history.size()] = inputs[0][0];
  counter[0] += 1;
  return {history, counter};
}

Case record_case(std::string name, std::int64_t size, int counter) {
  return {"record",
          std::move(name),
          {{"x", {DType::f32, {1}}},
           {"history", {DType::f32, {size}}, uniform(-1, 1), Role::state},
           {"counter", {DType::i32, {1}}, whole_numbers(counter, counter), Role::state}},
          {},
          record};
}

}  // namespace

std::vector<Case> record_cases() {
  return {
      record_case("the first of 5", 5, 0),   record_case("the last of 5", 5, 4),
      record_case("around the end", 5, 5),   record_case("around often", 7, 1000003),
      record_case("a history of one", 1, 3),
  };
}

}  // namespace tessera::cases
