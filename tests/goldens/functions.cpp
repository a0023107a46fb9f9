// See functions.h.
#include "tests/goldens/functions.h"

#include <limits>
#include <map>

#include "tessera/ops.h"

namespace tessera {
namespace {

using Function = Var (*)(const std::vector<Var>&, const Attributes&);

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"sum_function", [](const std::vector<Var>& x,
                          const Attributes& a) { return sum(x[0], a.integers("axes")); }},
      {"argmax_function", [](const std::vector<Var>& x,
                             const Attributes& a) { return argmax(x[0], a.integer("axis")); }},
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
