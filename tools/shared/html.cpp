#include "tools/shared/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tessera/text.h"

namespace tessera::tools {
std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string data_uri(std::string_view png) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "data:image/png;base64,";
  for (std::size_t i = 0; i < png.size(); i += 3) {
    const std::size_t bytes = std::min<std::size_t>(3, png.size() - i);
    std::uint32_t group = 0;
    for (std::size_t b = 0; b < 3; ++b)
      group = group << 8 | (b < bytes ? static_cast<std::uint8_t>(png[i + b]) : 0u);
    for (std::size_t d = 0; d < 4; ++d)
      text += d <= bytes ? digits[group >> (18 - 6 * d) & 63u] : '=';
  }
  return text;
}

namespace {

/// The area of a chart's lines, in units of its view box.
constexpr double left = 60, right = 620, top = 12, bottom = 208;
constexpr double view_width = 640, view_height = 250;
constexpr std::size_t most_points = 1000;

/// One axis: maps numbers to positions, with round numbers as ticks.
class Axis {
 public:
  /// `least_step`: between ticks.
  Axis(double least, double most, double least_step, double from, double to)
      : from_(from), to_(to) {
    if (most <= least) {
      const double room = std::max(std::abs(least) / 10, least_step);
      least -= room;
      most += std::max(room, 1e-6);
    }
    const double raw = std::max((most - least) / 6, least_step);
    const double power = std::pow(10, std::floor(std::log10(raw)));
    const double factor = raw / power;
    step_ = power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
    least_ = std::floor(least / step_) * step_;
    most_ = std::ceil(most / step_) * step_;
  }
  double place(double number) const {
    return from_ + (number - least_) / (most_ - least_) * (to_ - from_);
  }
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    for (int i = 0; least_ + i * step_ < most_ + step_ / 2; ++i)
      ticks.push_back(least_ + i * step_);
    return ticks;
  }
  /// Returns the label of a tick; rounding errors near 0 become 0.
  std::string label(double tick) const {
    if (std::abs(tick) < step_ / 1e6) return "0";
    if (most_ >= 1e6) return fmt::format("{:.6g}M", tick / 1e6);
    if (most_ >= 1e4) return fmt::format("{:.6g}k", tick / 1e3);
    return fmt::format("{:.6g}", tick);
  }

 private:
  double from_, to_, step_, least_, most_;
};

constexpr std::size_t colors = 6;  // of the style of a report

struct Range {
  double least = std::numeric_limits<double>::max(), most = std::numeric_limits<double>::lowest();
  void take_in(double number) {
    least = std::min(least, number);
    most = std::max(most, number);
  }
};

Range range_of(const std::vector<Series>& series, double std::pair<double, double>::*part) {
  Range range;
  for (const Series& one : series)
    for (const auto& point : one.points) range.take_in(point.*part);
  return range;
}

/// Draws a line through at most this many of the points, and a dot at its end.
std::string polyline(const Series& series, std::size_t number, const Axis& x, const Axis& y) {
  const std::size_t stride = 1 + series.points.size() / most_points;
  std::string places;
  const auto add = [&](const std::pair<double, double>& point) {
    places += fmt::format("{:.1f},{:.1f} ", x.place(point.first), y.place(point.second));
  };
  for (std::size_t i = 0; i + 1 < series.points.size(); i += stride) add(series.points[i]);
  add(series.points.back());
  places.pop_back();
  return fmt::format(
      "<polyline class=\"line s{}\" points=\"{}\"/><circle class=\"dot s{}\" cx=\"{:.1f}\" "
      "cy=\"{:.1f}\" r=\"3\"/>\n",
      number, places, number, x.place(series.points.back().first),
      y.place(series.points.back().second));
}

std::string axes(const Axis& x, const Axis& y, const std::string& x_name) {
  std::string svg;
  for (const double tick : y.ticks())
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        left, right, y.place(tick), y.place(tick), left - 8, y.place(tick) + 4, y.label(tick));
  for (const double tick : x.ticks())
    svg += fmt::format(
        "<line class=\"tick\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        x.place(tick), x.place(tick), bottom, bottom + 4, x.place(tick), bottom + 18,
        x.label(tick));
  return svg + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                           (left + right) / 2, bottom + 38, escape_html(x_name));
}

}  // namespace

std::string line_chart(const ChartAxes& names, const std::vector<Series>& all) {
  std::vector<Series> series;
  for (Series one : all) {
    std::erase_if(one.points, [](const auto& point) {
      return !std::isfinite(point.first) || !std::isfinite(point.second);
    });
    if (!one.points.empty()) series.push_back(std::move(one));
  }
  if (series.empty()) return {};
  Range of_x = range_of(series, &std::pair<double, double>::first);
  Range of_y = range_of(series, &std::pair<double, double>::second);
  of_x.take_in(names.x_from);
  if (names.y_from_zero) of_y.take_in(0);
  const Axis x(of_x.least, of_x.most, 1, left, right);
  const Axis y(of_y.least, of_y.most, 0, bottom, top);
  std::string html = fmt::format("<figure><figcaption>{}", escape_html(names.y_name));
  if (series.size() > 1)
    for (std::size_t i = 0; i < series.size(); ++i)
      html +=
          fmt::format("<span class=\"key s{}\">{}</span>", i % colors, escape_html(series[i].name));
  html += fmt::format("</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
                      view_width, view_height, escape_html(names.y_name));
  html += axes(x, y, names.x_name);
  for (std::size_t i = 0; i < series.size(); ++i) html += polyline(series[i], i % colors, x, y);
  return html + "</svg>\n</figure>\n";
}

}  // namespace tessera::tools
