#include "engine/data/label_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "engine/data/text.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t most_names = 1 << 16;

/// Returns a label that is an integer from 0, or -1.
std::int32_t number(std::string_view text) {
  std::int32_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

}  // namespace

void LabelNames::add(std::string_view name, std::string_view where) {
  auto found = numbers_.find(name);
  if (found == numbers_.end()) {
    if (name.empty() || name == "nan" || name == "NaN")
      throw InvalidFile(path_, fmt::format("{} has no label (found '{}')", where, name));
    if (!is_printable(name))
      throw InvalidFile(path_,
                        fmt::format("{} has the label '{}', expected UTF-8 text without control "
                                    "characters",
                                    where, shown(name)));
    if (numbers_.size() == most_names)
      throw InvalidFile(path_, fmt::format("has more than {} class names", most_names));
    found = numbers_.emplace(name, static_cast<std::int32_t>(numbers_.size())).first;
  }
  labels_.push_back(found->second);
}

void LabelNames::finish(Images& images) const {
  const bool are_numbers = std::all_of(numbers_.begin(), numbers_.end(),
                                       [](const auto& name) { return number(name.first) >= 0; });
  std::vector<std::int32_t> sorted(numbers_.size());
  for (const auto& [name, old] : numbers_) {
    sorted[static_cast<std::size_t>(old)] =
        are_numbers ? number(name) : static_cast<std::int32_t>(images.names.size());
    if (!are_numbers) images.names.push_back(name);
  }
  images.labels = labels_;
  for (std::int32_t& label : images.labels) label = sorted[static_cast<std::size_t>(label)];
}

void use_classes(const std::string& path, Images& images, const std::vector<std::string>& classes) {
  std::vector<std::int32_t> indices;
  std::vector<std::string> unknown;
  for (const std::string& name : images.names) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    indices.push_back(static_cast<std::int32_t>(found - classes.begin()));
    if (found == classes.end()) unknown.push_back(fmt::format("'{}'", shown(name)));
  }
  if (!unknown.empty()) {
    const std::size_t count = unknown.size();
    if (count > 5) unknown.resize(5);
    throw InvalidFile(
        path, fmt::format("has {} labels of unknown classes: {}; the {} classes are '{}'{}", count,
                          fmt::join(unknown, ", "), classes.size(), shown(classes.at(0)),
                          classes.size() > 1 ? ", ..." : ""));
  }
  for (std::int32_t& label : images.labels) label = indices[static_cast<std::size_t>(label)];
}

}  // namespace tessera::data
