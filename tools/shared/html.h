// Parts of a page that stands alone: text, pictures and charts as HTML and SVG.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::tools {

/// For text and for attributes between quotes; made `printable` first.
std::string escape_html(std::string_view text);

/// A picture as an address that holds it.
std::string data_uri(std::string_view png);

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x ascending, whole numbers
};

struct ChartAxes {
  std::string x_name;
  double x_from = 0;  ///< the first number of the axis, or before it
  std::string y_name;
  bool y_from_zero = true;
};

/// A chart with axes and a legend; at most three series. Nothing where there are no points.
std::string line_chart(const ChartAxes& axes, const std::vector<Series>& series);

}  // namespace tessera::tools
