// Parts of a self-contained page: text, images and charts as HTML and SVG.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::tools {

/// Escapes text for HTML and for quoted attributes, after `printable`.
std::string escape_html(std::string_view text);

/// Returns an image as a data URI.
std::string data_uri(std::string_view png);

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x ascending, whole numbers
};

struct ChartAxes {
  std::string x_name;
  double x_from = 0;  ///< first number of the axis
  std::string y_name;
  bool y_from_zero = true;
};

/// Returns a chart with axes and a legend, for at most three series; empty if there are no points.
std::string line_chart(const ChartAxes& axes, const std::vector<Series>& series);

}  // namespace tessera::tools
