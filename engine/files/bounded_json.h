// JSON from untrusted files: bounded in depth, with every fault as an Error.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "tessera/error.h"

namespace tessera {

/// Throws Error if brackets are nested deeper than in any file of the library, since readers
/// recurse as deep as the document.
void check_json_depth(std::string_view text);

/// Returns a value as one short line for a message.
template <typename Json>
std::string shown(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 100);
}

/// Throws Error: "it is not JSON (at byte 5)", "it is nested deeper than 16".
template <typename Json>
Json parse_json(std::string_view text) {
  check_json_depth(text);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(fmt::format("it is not JSON (at byte {})", error.byte));
  } catch (const nlohmann::json::exception&) {  // a number that is out of range
    throw Error("it is not JSON");
  }
}

namespace json_detail {

template <typename T>
constexpr std::string_view expected() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::string>) return "a text";
  if constexpr (std::is_integral_v<T>) return "a whole number";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  return "a list";
}

template <typename T, typename Json>
T value_of(const Json& value) {
  constexpr bool whole = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  if constexpr (whole && std::is_unsigned_v<T>) {
    if (!value.is_number_unsigned()) throw Error("");
  } else if constexpr (whole) {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.template get<std::uint64_t>() > INT64_MAX))
      throw Error("");
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) throw Error("");
  } else if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::string>) {
    T list;
    if (!value.is_array()) throw Error("");
    for (const auto& element : value) list.push_back(value_of<typename T::value_type>(element));
    return list;
  }
  return value.template get<T>();
}

}  // namespace json_detail

/// Returns the value as `T`: bool, std::string, a number, or a vector of these. Throws Error that
/// begins with `what`.
template <typename T, typename Json>
T json_value(const Json& value, std::string_view what) {
  try {
    return json_detail::value_of<T>(value);
  } catch (const Error&) {
  } catch (const nlohmann::json::exception&) {
  }
  throw Error(fmt::format("{} is {}, expected {}", what, shown(value), json_detail::expected<T>()));
}

/// Returns a member of an object. Throws Error if it is missing or `object` is not an object.
template <typename Json>
const Json& member_of(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (found == object.end()) throw Error(fmt::format("'{}' is missing", name));
  return *found;
}

/// Returns the member as `T`. Throws like the two above.
template <typename T, typename Json>
T json_member(const Json& object, const char* name) {
  return json_value<T>(member_of(object, name), fmt::format("'{}'", name));
}

/// Returns the member as `T`, or `otherwise` if it is missing.
template <typename T, typename Json>
T json_member_or(const Json& object, const char* name, T otherwise) {
  return object.contains(name) ? json_member<T>(object, name) : otherwise;
}

/// Returns a member that is an object.
template <typename Json>
const Json& json_object(const Json& object, const char* name) {
  const Json& member = member_of(object, name);
  if (!member.is_object())
    throw Error(fmt::format("'{}' is {}, expected an object", name, shown(member)));
  return member;
}

}  // namespace tessera
