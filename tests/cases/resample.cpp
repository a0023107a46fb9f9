// Resampling along one axis: resizing, and padding with the tensor itself.
#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

/// What stands at place `j` of `out` when x has `in` elements.
using Sample = std::function<double(const std::function<double(std::int64_t)>& x, std::int64_t in,
                                    std::int64_t out, std::int64_t j)>;

Case resample_case(std::string name, const Shape& x, std::int64_t axis, std::int64_t size,
                   Attributes attributes, Sample sample) {
  auto all = attributes.all();
  all["axis"] = axis;
  all["size"] = size;
  Case c{"resample", std::move(name), {{"x", {DType::f32, x}}}, Attributes(std::move(all)), {}};
  c.reference = [=](const Tensors& inputs, std::int64_t every) -> Tensors {
    const auto at = static_cast<std::size_t>(axis);
    Shape shape = x;
    shape[at] = size;
    std::int64_t inner = 1;
    for (std::size_t i = at + 1; i < x.size(); ++i) inner *= x[i];
    HostTensor y({DType::f32, shape});
    for (std::int64_t i = 0; i < y.size(); i += every) {
      const std::int64_t outer = i / inner / size, j = i / inner % size, column = i % inner;
      const auto element = [&](std::int64_t k) {
        return inputs[0][(outer * x[at] + k) * inner + column];
      };
      y[i] = sample(element, x[at], size, j);
    }
    return {y};
  };
  c.gradient_tolerance = for_sum_of(size);
  return c;
}

Case nearest_case(const Shape& x, std::int64_t axis, std::int64_t size, double factor = 0) {
  return resample_case(
      "nearest, " + to_string(x) + " to " + std::to_string(size) + (factor > 0 ? " by factor" : ""),
      x, axis, size,
      {{"mode", std::string("nearest")}, {"align_corners", std::int64_t{0}}, {"factor", factor}},
      [=](const auto& element, std::int64_t in, std::int64_t out, std::int64_t j) {
        if (factor > 0)
          return element(std::min(
              in - 1, static_cast<std::int64_t>(std::floor(static_cast<double>(j) / factor))));
        return element(j * in / out);
      });
}

Case linear_case(const Shape& x, std::int64_t axis, std::int64_t size, bool align,
                 double factor = 0) {
  Case c = resample_case(
      "linear, " + to_string(x) + " to " + std::to_string(size) + (align ? ", corners" : "") +
          (factor > 0 ? " by factor" : ""),
      x, axis, size,
      {{"mode", std::string("linear")}, {"align_corners", std::int64_t{align}}, {"factor", factor}},
      [=](const auto& element, std::int64_t in, std::int64_t out, std::int64_t j) {
        const double step =
            factor > 0 ? 1 / factor : static_cast<double>(in) / static_cast<double>(out);
        double place = (static_cast<double>(j) + 0.5) * step - 0.5;
        if (align)
          place = out == 1 ? 0 : static_cast<double>(j * (in - 1)) / static_cast<double>(out - 1);
        place = std::clamp(place, 0.0, static_cast<double>(in - 1));
        const auto below = static_cast<std::int64_t>(place);
        const double part = place - static_cast<double>(below);
        return element(below) * (1 - part) + (part > 0 ? element(below + 1) * part : 0);
      });
  // Places, and so weights, are worked out in single precision as in PyTorch.
  c.tolerance.absolute = 1e-7 * static_cast<double>(std::max<std::int64_t>(16, size));
  c.gradient_tolerance.absolute += c.tolerance.absolute;
  return c;
}

Case pad_case(const std::string& mode, const Shape& x, std::int64_t axis, std::int64_t before,
              std::int64_t after) {
  return resample_case(mode + ", " + to_string(x) + " by " + std::to_string(before) + " and " +
                           std::to_string(after),
                       x, axis, x[static_cast<std::size_t>(axis)] + before + after,
                       {{"mode", mode}, {"before", before}},
                       [=](const auto& element, std::int64_t in, std::int64_t, std::int64_t j) {
                         std::int64_t i = j - before;
                         while (i < 0 || i >= in) {
                           if (mode == "replicate")
                             i = i < 0 ? 0 : in - 1;
                           else if (mode == "circular")
                             i += i < 0 ? in : -in;
                           else
                             i = i < 0 ? -i : 2 * in - 2 - i;
                         }
                         return element(i);
                       });
}

/// The mean over a window; `count_padding` counts what it covers of the padding as zeros.
Case average_case(const Shape& x, std::int64_t axis, std::int64_t size, std::int64_t kernel,
                  std::int64_t stride, std::int64_t padding, bool count_padding) {
  return resample_case(
      "average, " + to_string(x) + " to " + std::to_string(size) + " by windows of " +
          std::to_string(kernel) + (count_padding ? "" : ", padding not counted"),
      x, axis, size,
      {{"mode", std::string("average")},
       {"kernel", kernel},
       {"stride", stride},
       {"padding", padding},
       {"count_include_pad", std::int64_t{count_padding}}},
      [=](const auto& element, std::int64_t in, std::int64_t, std::int64_t j) {
        double total = 0, count = 0;
        for (std::int64_t i = j * stride - padding; i < j * stride - padding + kernel; ++i) {
          const bool inside = i >= 0 && i < in;
          if (inside) total += element(i);
          count += inside || (count_padding && i < in + padding);
        }
        return total / count;
      });
}

Case adaptive_case(const Shape& x, std::int64_t axis, std::int64_t size) {
  return resample_case("adaptive, " + to_string(x) + " to " + std::to_string(size), x, axis, size,
                       {{"mode", std::string("adaptive")}},
                       [=](const auto& element, std::int64_t in, std::int64_t out, std::int64_t j) {
                         double total = 0, count = 0;
                         for (std::int64_t i = 0; i < in; ++i)
                           if ((i + 1) * out > j * in && i * out < (j + 1) * in) {
                             total += element(i);
                             ++count;
                           }
                         return total / count;
                       });
}

/// Element j of y is made of those of x that the index names for it.
Case table_case(const Shape& x, std::int64_t axis, std::int64_t size,
                const std::vector<std::int64_t>& index, const std::vector<double>& weight) {
  return resample_case("table, " + to_string(x) + " to " + std::to_string(size), x, axis, size,
                       {{"mode", std::string("table")}, {"index", index}, {"weight", weight}},
                       [=](const auto& element, std::int64_t, std::int64_t, std::int64_t j) {
                         const std::size_t count = index.size() / static_cast<std::size_t>(size);
                         double total = 0;
                         for (std::size_t i = 0; i < count; ++i) {
                           const std::size_t at = static_cast<std::size_t>(j) * count + i;
                           total += element(index[at]) * weight[at];
                         }
                         return total;
                       });
}

}  // namespace

std::vector<Case> resample_cases() {
  std::vector<Case> cases = {
      nearest_case({2, 5, 7, 3}, 1, 10),
      nearest_case({2, 5, 7, 3}, 2, 3),
      nearest_case({7}, 0, 17),
      nearest_case({3, 8, 19}, 1, 8),
      nearest_case({2, 6, 3}, 1, 15, 2.5),
      linear_case({2, 5, 7, 3}, 1, 11, false),
      linear_case({2, 5, 7, 3}, 2, 16, true),
      linear_case({2, 9, 5}, 1, 4, false),
      linear_case({2, 9, 5}, 1, 4, true),
      linear_case({13}, 0, 1, true),
      linear_case({1, 4}, 0, 6, false),
      linear_case({3, 7, 17}, 1, 14, false, 2.0),
      linear_case({3, 7, 2}, 1, 11, false, 1.6),
      pad_case("reflect", {2, 5, 7, 3}, 1, 4, 2),
      pad_case("reflect", {3, 9}, 1, 0, 8),
      pad_case("replicate", {2, 5, 7, 3}, 2, 9, 1),
      pad_case("circular", {2, 5, 19}, 1, 5, 3),
      average_case({2, 6, 8, 3}, 1, 3, 2, 2, 0, true),
      average_case({2, 9, 11, 3}, 2, 6, 3, 2, 1, true),
      average_case({2, 9, 11, 3}, 2, 6, 3, 2, 1, false),
      average_case({2, 8, 5}, 1, 5, 3, 2, 1, true),
      average_case({2, 8, 5}, 1, 5, 3, 2, 1, false),
      average_case({3, 11, 17}, 1, 3, 2, 4, 0, true),
      adaptive_case({2, 7, 10, 16}, 2, 4),
      adaptive_case({2, 3, 5}, 1, 7),
      adaptive_case({3, 35, 1, 33}, 1, 1),
      table_case({2, 4, 3, 5}, 1, 3, {3, 0, 1, 1, 2, 2}, {0.5, -1, 2, 0.25, 0, 1.5}),
      table_case({3, 7}, 1, 9, {6, 0, 0, 1, 5, 2, 6, 6, 3}, {1, 1, 1, 2, 1, 1, -1, 1, 0.5}),
      linear_case({64, 32, 32, 64}, 2, 64, false),
      average_case({64, 32, 32, 64}, 1, 16, 2, 2, 0, true),
      adaptive_case({64, 64, 1, 512}, 1, 1),
  };
  for (std::size_t i = cases.size() - 3; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases
