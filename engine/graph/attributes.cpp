#include "tessera/attributes.h"

#include "tessera/error.h"

namespace tessera {
namespace {

template <typename T>
const T& get(const std::map<std::string, Attribute, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) throw Error("attribute '" + std::string(name) + "' is missing");
  const T* value = std::get_if<T>(&found->second);
  if (!value) throw Error("attribute '" + std::string(name) + "' has another type");
  return *value;
}

}  // namespace

std::int64_t Attributes::integer(std::string_view name) const {
  return get<std::int64_t>(values_, name);
}
double Attributes::number(std::string_view name) const { return get<double>(values_, name); }
const std::string& Attributes::text(std::string_view name) const {
  return get<std::string>(values_, name);
}
const std::vector<std::int64_t>& Attributes::integers(std::string_view name) const {
  return get<std::vector<std::int64_t>>(values_, name);
}
const std::vector<double>& Attributes::numbers(std::string_view name) const {
  return get<std::vector<double>>(values_, name);
}

}  // namespace tessera
