// Standard streams: escapes output for terminals, and reports lost output as an error.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tessera/text.h"

namespace tessera::tools {

/// Prepares a process before it opens any file. Closed standard streams get descriptors on which
/// reading and writing fail, so that no file gets their numbers. Broken pipes and file size limits
/// cause errors instead of signals.
void prepare_streams();

/// Prints text unchanged. Throws Error if output was lost, unless `tolerate_lost_output`.
void print_text(std::string_view text);

namespace detail {
template <typename T>
using Shown = std::conditional_t<std::is_convertible_v<T, std::string_view>, std::string, T>;
template <typename T>
decltype(auto) shown(T&& argument) {
  if constexpr (std::is_convertible_v<T, std::string_view>)
    return printable(argument);
  else
    return std::forward<T>(argument);
}
}  // namespace detail

/// Prints like fmt::print, and makes text arguments `printable`, but not the format.
template <typename... T>
void print(fmt::format_string<detail::Shown<T>...> format, T&&... arguments) {
  print_text(fmt::format(format, detail::shown(std::forward<T>(arguments))...));
}

/// Prints a line on standard error, after all earlier output. Never throws.
void print_note(std::string_view line) noexcept;
/// Prints the line with the prefix "tessera: ".
void print_error(std::string_view message) noexcept;

/// Returns an exception as one line.
std::string message_of(const std::exception& error);

/// Flushes standard output. Throws as print_text does.
void flush_output();

/// From now on, reports lost output once on standard error and continues. A closed pipe counts as
/// Ctrl-C. The exit code is still 1.
void tolerate_lost_output();

/// Flushes at the end of the program. Throws Error if lost output was not yet reported; returns
/// whether no output was lost.
bool finish_output();

}  // namespace tessera::tools
