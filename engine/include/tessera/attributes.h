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

class TESSERA_API Attributes {
 public:
  Attributes() = default;
  explicit Attributes(std::map<std::string, Attribute, std::less<>> values)
      : values_(std::move(values)) {}
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> values)
      : values_(values) {}

  // Each getter throws Error when the attribute is absent or of another type.
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::vector<double>& numbers(std::string_view name) const;

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const std::map<std::string, Attribute, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Attribute, std::less<>> values_;
};

}  // namespace tessera
