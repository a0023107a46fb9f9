// Attributes of a node: the settings of an op besides its inputs (stride, axes, momentum).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tessera/export.h"

namespace tessera {

using Attribute =
    std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;

/// Maps names to values.
class TESSERA_API Attributes {
 public:
  Attributes() = default;
  /// Takes the values of a map.
  explicit Attributes(std::map<std::string, Attribute, std::less<>> values)
      : values_(std::move(values)) {}
  /// Takes a list such as {{"stride", 2}, {"mode", "same"}}.
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> values)
      : values_(values) {}

  // Each getter throws Error if the attribute is missing or has another type.
  /// Returns an integer.
  std::int64_t integer(std::string_view name) const;
  /// Returns a number.
  double number(std::string_view name) const;
  /// Returns a string.
  const std::string& text(std::string_view name) const;
  /// Returns a list of integers.
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  /// Returns a list of numbers.
  const std::vector<double>& numbers(std::string_view name) const;

  /// Returns whether there is an attribute of that name.
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// Returns all attributes, ordered by name.
  const std::map<std::string, Attribute, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Attribute, std::less<>> values_;
};

}  // namespace tessera
