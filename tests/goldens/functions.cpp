// See functions.h.
#include "tests/goldens/functions.h"

#include <limits>
#include <map>

#include "tessera/ops.h"

namespace tessera {
namespace {

std::array<std::int64_t, 2> pair(const Attributes& a, const char* name) {
  const auto& values = a.integers(name);
  return {values.at(0), values.at(1)};
}

Pool2dOptions max_pool_options(const Attributes& a) {
  return {pair(a, "kernel"), pair(a, "stride"), pair(a, "padding"), pair(a, "dilation"),
          a.integer("ceil_mode") == 1};
}

AvgPool2dOptions avg_pool_options(const Attributes& a) {
  return {pair(a, "kernel"), pair(a, "stride"), pair(a, "padding"), a.integer("ceil_mode") == 1,
          a.integer("count_include_pad") == 1};
}

using Function = Var (*)(const std::vector<Var>&, const Attributes&);

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"adaptive_avg_pool2d",
       [](const std::vector<Var>& x, const Attributes& a) {
         return adaptive_avg_pool2d(x[0], pair(a, "size"));
       }},
      {"adaptive_max_pool2d",
       [](const std::vector<Var>& x, const Attributes& a) {
         return adaptive_max_pool2d(x[0], pair(a, "size"));
       }},
      {"avg_pool2d", [](const std::vector<Var>& x,
                        const Attributes& a) { return avg_pool2d(x[0], avg_pool_options(a)); }},
      {"max_pool2d_function",
       [](const std::vector<Var>& x, const Attributes& a) {
         return max_pool2d(x[0], max_pool_options(a));
       }},
      {"sum_function", [](const std::vector<Var>& x,
                          const Attributes& a) { return sum(x[0], a.integers("axes")); }},
      {"argmax_function", [](const std::vector<Var>& x,
                             const Attributes& a) { return argmax(x[0], a.integer("axis")); }},
      {"softmax_function", [](const std::vector<Var>& x,
                              const Attributes& a) { return softmax(x[0], a.integer("axis")); }},
      {"log_softmax_function",
       [](const std::vector<Var>& x, const Attributes& a) {
         return log_softmax(x[0], a.integer("axis"));
       }},
      {"variance",
       [](const std::vector<Var>& x, const Attributes& a) {
         return variance(x[0], a.integers("axes"), {.correction = a.number("correction")});
       }},
      {"norm_infinity",
       [](const std::vector<Var>& x, const Attributes& a) {
         return norm(x[0], std::numeric_limits<double>::infinity(), a.integers("axes"));
       }},
  };
  return table;
}

}  // namespace

bool is_function(const std::string& name) { return functions().count(name) != 0; }

std::vector<Var> apply(const std::string& name, const std::vector<Var>& inputs,
                       const Attributes& attributes) {
  return {functions().at(name)(inputs, attributes)};
}

}  // namespace tessera
