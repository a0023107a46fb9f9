// The standard streams: what is printed is safe for a terminal, and output that is lost is an
// error.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tessera/text.h"

namespace tessera::tools {

/// Prepares a process before it opens any file: standard streams that are closed get a descriptor
/// on which reading and writing fail, so that no file gets their numbers. Broken pipes and files
/// that grow beyond a limit become errors where they happen, instead of signals.
void prepare_streams();

/// Prints text as it is. Throws Error when output has been lost, unless `tolerate_lost_output`.
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

/// Prints like fmt::print; arguments that are text are made `printable`, the format is not.
template <typename... T>
void print(fmt::format_string<detail::Shown<T>...> format, T&&... arguments) {
  print_text(fmt::format(format, detail::shown(std::forward<T>(arguments))...));
}

/// Prints a line on the standard error after what has been printed so far. Never throws: there is
/// nobody left to tell.
void print_note(std::string_view line) noexcept;
/// The same with "tessera: " in front.
void print_error(std::string_view message) noexcept;

/// A failure in one line.
std::string message_of(const std::exception& error);

/// Brings what has been printed to where it goes. Throws as print_text does.
void flush_output();

/// From now on lost output is said once on the standard error, and work continues; a pipe that
/// nobody reads any more counts as a Ctrl-C. The program still ends with exit code 1.
void tolerate_lost_output();

/// At the end of the program: flushes. Throws Error when output has been lost, unless that has been
/// said; returns whether none has.
bool finish_output();

}  // namespace tessera::tools
