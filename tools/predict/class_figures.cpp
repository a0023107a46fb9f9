#include "tools/predict/class_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace tessera::tools {
namespace {

std::optional<double> share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Returns a CSV field. Leading and trailing spaces are quoted too, since some programs drop them.
std::string csv_field(const std::string& text) {
  const bool is_plain = text.find_first_of(",;\"\t\r\n") == std::string::npos && !text.empty() &&
                        text.front() != ' ' && text.back() != ' ';
  if (is_plain) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

/// How many classes are more probable than `label`.
std::size_t rank_of(std::size_t label, std::span<const float> probabilities) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    rank += probabilities[i] > probabilities[label] ||
            (probabilities[i] == probabilities[label] && i < label);
  return rank;
}

}  // namespace

void ClassFigures::add(std::int32_t label, std::int32_t best) {
  const auto row = static_cast<std::size_t>(label), column = static_cast<std::size_t>(best);
  ++images_.at(row);
  ++predicted_.at(column);
  ++counts_[{row, column}];
  ++all_;
}

void ClassFigures::add(std::int32_t label, std::span<const float> probabilities) {
  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  add(label, static_cast<std::int32_t>(best - probabilities.begin()));
  ++ranked_;
  in_top_ += rank_of(static_cast<std::size_t>(label), probabilities) < top_classes;
}

std::int64_t ClassFigures::count(std::size_t label, std::size_t best) const {
  const auto found = counts_.find({label, best});
  return found == counts_.end() ? 0 : found->second;
}

std::optional<double> ClassFigures::precision(std::size_t label) const {
  return share(right(label), predicted(label));
}

std::optional<double> ClassFigures::recall(std::size_t label) const {
  return share(right(label), images(label));
}

std::optional<double> ClassFigures::f1(std::size_t label) const {
  return share(2 * right(label), images(label) + predicted(label));
}

std::optional<double> ClassFigures::top5() const {
  if (classes() <= top_classes || ranked_ < all_) return {};
  return share(in_top_, all_);
}

std::vector<std::size_t> ClassFigures::worst_first(Figure figure) const {
  std::vector<std::size_t> order(classes());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return (this->*figure)(a).value_or(2) < (this->*figure)(b).value_or(2);  // 2 is above any share
  });
  return order;
}

std::vector<ClassFigures::Confused> ClassFigures::most_confused(std::size_t most) const {
  std::vector<Confused> pairs;
  for (const auto& [pair, images] : counts_)
    if (pair.first != pair.second) pairs.push_back({pair.first, pair.second, images});
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Confused& a, const Confused& b) { return a.images > b.images; });
  pairs.resize(std::min(pairs.size(), most));
  return pairs;
}

std::string ClassFigures::csv(const std::vector<std::string>& names) const {
  std::string text = "class";
  for (const std::string& name : names) text += ',' + csv_field(name);
  text += '\n';
  for (std::size_t label = 0; label < classes(); ++label) {
    text += csv_field(names.at(label));
    for (std::size_t best = 0; best < classes(); ++best)
      fmt::format_to(std::back_inserter(text), ",{}", count(label, best));
    text += '\n';
  }
  return text;
}

}  // namespace tessera::tools
