// The attributes of a node: what an op needs to know besides its inputs (stride, axes, momentum).
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

/// Values by name.
class TESSERA_API Attributes {
 public:
  Attributes() = default;
  /// Those of a map.
  explicit Attributes(std::map<std::string, Attribute, std::less<>> values)
      : values_(std::move(values)) {}
  /// {{"stride", 2}, {"mode", "same"}}.
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> values)
      : values_(values) {}

  // Each getter throws Error when the attribute is absent or of another type.
  /// A whole number.
  std::int64_t integer(std::string_view name) const;
  /// A number.
  double number(std::string_view name) const;
  /// A text.
  const std::string& text(std::string_view name) const;
  /// Whole numbers.
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  /// Numbers.
  const std::vector<double>& numbers(std::string_view name) const;

  /// Whether there is an attribute of that name.
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// All of them, in order of name.
  const std::map<std::string, Attribute, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Attribute, std::less<>> values_;
};

}  // namespace tessera
