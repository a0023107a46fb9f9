#include "onnx/budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/error.h"

namespace tessera::importer {
namespace {

constexpr std::int64_t most_computed = std::int64_t{1} << 26, most_kept = std::int64_t{1} << 24;

/// `used` is at most `limit`.
void check_room(const char* what, std::int64_t used, std::int64_t more, std::int64_t limit) {
  if (more > limit - used)
    throw Error(
        "onnx",
        fmt::format(
            "too many elements are {} before the model runs: found {}, expected at most {} in all",
            what, static_cast<double>(used) + static_cast<double>(more), limit));
}

}  // namespace

void check_shape(const std::string& what, const Shape& shape) {
  if (shape.size() > most_dimensions)
    throw Error("onnx", fmt::format("{} has {} dimensions, expected at most {}", what, shape.size(),
                                    most_dimensions));
  const bool wide = std::any_of(shape.begin(), shape.end(),
                                [](std::int64_t size) { return size > most_elements; });
  if (wide || element_count(shape) > most_elements)
    throw Error("onnx", fmt::format("{} is {}, expected at most {} elements", what,
                                    to_string(shape), most_elements));
}

void Budget::compute(std::int64_t elements) {
  check_room("computed", computed_, elements, most_computed);
  computed_ += elements;
}

void Budget::make(std::int64_t elements) {
  check_room("kept", kept_, elements, most_kept);
  compute(elements);
}

void Budget::keep(std::int64_t elements) {
  check_room("kept", kept_, elements, most_kept);
  kept_ += elements;
}

}  // namespace tessera::importer
