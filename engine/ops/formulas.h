// The elementwise formulas of engine/formulas/elementwise.h as data: their ops, and the inputs of
// each op.
#pragma once

#include <array>
#include <string_view>
#include <vector>

namespace tessera::formulas {

/// Whether `expression` names `variable`.
constexpr bool names(std::string_view expression, std::string_view variable) {
  const auto in_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::size_t at = expression.find(variable); at != expression.npos;
       at = expression.find(variable, at + 1)) {
    const std::size_t end = at + variable.size();
    if ((at == 0 || !in_word(expression[at - 1])) &&
        (end == expression.size() || !in_word(expression[end])))
      return true;
  }
  return false;
}

/// One expression with up to three variables, which are the inputs of its op.
struct Formula {
  std::string_view op;          ///< "gelu_dx"
  std::string_view row;         ///< "gelu"
  std::string_view part;        ///< "y", "dx", "da", "db"
  std::string_view expression;  ///< as in the row
  std::array<std::string_view, 3> variables;
  std::array<std::string_view, 2> attributes;

  constexpr bool reads(std::size_t variable) const {
    return !variables[variable].empty() && names(expression, variables[variable]);
  }
  constexpr std::size_t input_count() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < variables.size(); ++i) count += reads(i);
    return count;
  }
  constexpr bool has_attribute(std::size_t i) const { return !attributes[i].starts_with("no_"); }
  /// Whether no work is needed: the gradient is dy or zero.
  constexpr bool is_trivial() const { return expression == "dy" || expression == "0.0f"; }
  /// The approximate time of an element on one core, in nanoseconds.
  constexpr double cost_ns() const {
    for (std::string_view function : {"EXP", "LOG", "TANH", "ERF", "POW", "SIGMOID", "NORMAL"})
      if (expression.find(function) != expression.npos) return 1;
    return 0.05 + 0.05 * static_cast<double>(input_count());
  }
};

#define UNARY(NAME, P, Q, Y, DX)                                             \
  inline constexpr Formula NAME##_y{#NAME, #NAME, "y", #Y, {"x"}, {#P, #Q}}; \
  inline constexpr Formula NAME##_dx{#NAME "_dx", #NAME, "dx", #DX, {"x", "y", "dy"}, {#P, #Q}};
#define BINARY(NAME, Y, DA, DB)                                                           \
  inline constexpr Formula NAME##_y{#NAME, #NAME, "y", #Y, {"a", "b"}, {"no_p", "no_q"}}; \
  inline constexpr Formula NAME##_da{#NAME "_da",      #NAME,           "da", #DA,        \
                                     {"a", "b", "dy"}, {"no_p", "no_q"}};                 \
  inline constexpr Formula NAME##_db{#NAME "_db",      #NAME,           "db", #DB,        \
                                     {"a", "b", "dy"}, {"no_p", "no_q"}};
#define TERNARY(NAME, Y) \
  inline constexpr Formula NAME##_y{#NAME, #NAME, "y", #Y, {"a", "b", "c"}, {"no_p", "no_q"}};
#include "engine/formulas/elementwise.h"
#undef UNARY
#undef BINARY
#undef TERNARY

/// All formulas, row by row.
inline const std::vector<const Formula*>& all() {
  static const std::vector<const Formula*> list = {
#define UNARY(NAME, P, Q, Y, DX) &NAME##_y, &NAME##_dx,
#define BINARY(NAME, Y, DA, DB) &NAME##_y, &NAME##_da, &NAME##_db,
#define TERNARY(NAME, Y) &NAME##_y,
#include "engine/formulas/elementwise.h"
#undef UNARY
#undef BINARY
#undef TERNARY
  };
  return list;
}

/// Returns the formula of an elementwise op; nullptr for other ops.
inline const Formula* find(std::string_view op) {
  for (const Formula* formula : all())
    if (formula->op == op && !formula->is_trivial()) return formula;
  return nullptr;
}

}  // namespace tessera::formulas
