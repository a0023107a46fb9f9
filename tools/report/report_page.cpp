#include "tools/report/report_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>

#include "tools/predict/class_figures.h"
#include "tools/report/report_style.h"
#include "tools/shared/html.h"
#include "tools/shared/number_text.h"
#include "tools/shared/png.h"
#include "tools/train/epoch_verdict.h"

namespace tessera::tools {
namespace {

constexpr std::size_t most_mistakes = 24, most_layers = 30, most_confusions = 30;
constexpr std::size_t longest_level_name = 3;  // longer names are vertical above a matrix
constexpr std::int64_t most_rows_of_large_pixels = 128;

/// Returns 0 if the clock is too coarse to measure anything.
double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// Quotes a word for a shell.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

class Page {
 public:
  explicit Page(const ReportContent& content)
      : c_(content), classes_(content.start.test.classes()), figures_(classes_.size()) {
    for (const Prediction& p : c_.predictions) figures_.add(p.label, p.best);
  }

  std::string html() {
    const std::string title = c_.start.network.model().name + " on " + c_.start.state.data;
    add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n"
        "<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n",
        escape_html(title), report_style, escape_html(title));
    add_summary();
    add_curves();
    add_epochs();
    if (!c_.predictions.empty()) {
      add("<div class=\"side\">\n<section>\n");
      add_classes();
      add("</section>\n<section>\n");
      add_confusions();
      add("</section>\n</div>\n");
      add_mistakes();
    }
    if (!c_.layers.empty()) add_layers();
    add_options();
    return page_ + "</body>\n</html>\n";
  }

 private:
  template <typename... Arguments>
  void add(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(page_), text, std::forward<Arguments>(arguments)...);
  }
  std::string name(std::size_t label) const { return escape_html(classes_.at(label)); }
  static std::string bar(double share) {
    return fmt::format("<td class=\"bar\"><span style=\"width:{:.1f}%\"></span></td>", 100 * share);
  }
  void add_fact(const char* what, const std::string& value) {
    add("<div><dt>{}</dt><dd>{}</dd></div>\n", what, value);
  }
  bool matrix_fits() const { return classes_.size() <= most_classes_of_a_matrix; }

  void add_summary() {
    const DeviceInfo& device = c_.start.network.device().info();
    add("<p class=\"soft\">{} ({}), driver {}; Tessera {}</p>\n<dl class=\"facts\">\n",
        escape_html(device.name), escape_html(device.id), escape_html(device.driver),
        TESSERA_VERSION);
    if (!c_.predictions.empty()) {
      const auto hits = std::count_if(c_.predictions.begin(), c_.predictions.end(),
                                      [](const Prediction& p) { return p.best == p.label; });
      const auto all = static_cast<double>(c_.predictions.size());
      add_fact("test accuracy", fmt::format("{:.2f} %", 100 * static_cast<double>(hits) / all));
    }
    add_fact("training images", fmt::format("{}", c_.start.train.size()));
    add_fact("test images", fmt::format("{}", c_.start.test.size()));
    add_fact("epochs done", fmt::format("{}", c_.end.epochs));
    if (c_.end.best.value) add_fact("best", escape_html(to_string(c_.end.best)));
    add_fact("steps", fmt::format("{}", c_.end.step));
    add_fact("time", duration(c_.end.seconds));
    add("</dl>\n");
    if (c_.end.early)
      add("<p>The training stopped early: no epoch after {} was better.</p>\n",
          to_string(c_.end.best));
    if (c_.end.outcome == Outcome::interrupted)
      add("<p>The training was interrupted, so predictions and times were not measured.</p>\n");
    if (c_.end.outcome == Outcome::failed)
      add("<p>The training failed: {}</p>\n", escape_html(c_.end.error));
    if (!c_.missing.empty()) add("<p>Some measurements failed: {}</p>\n", escape_html(c_.missing));
    if (c_.start.resumes)
      add("<p>The training resumed after step {}; earlier steps are not shown.</p>\n",
          c_.start.state.step);
  }

  std::string chart(const char* y_name, const std::vector<Series>& series,
                    bool from_zero = true) const {
    const auto first = static_cast<double>(c_.start.state.step);
    return line_chart({"steps", first, y_name, from_zero}, series);
  }

  /// A device may leave while others continue.
  static Series& series_of(std::vector<Series>& all, const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Series& series) { return series.name == name; });
    return found == all.end() ? all.emplace_back(Series{name, {}}) : *found;
  }

  void add_curves() {
    Series train{"training, by steps", {}}, whole{"training, by epochs", {}}, test{"test", {}};
    Series accuracy, rate;
    std::vector<Series> speeds = {{"", {}}};
    for (const StepReport& s : c_.steps) {
      const auto x = static_cast<double>(s.step);
      train.points.emplace_back(x, s.loss);
      rate.points.emplace_back(x, s.lr);
      speeds.front().points.emplace_back(x, s.images_per_second);
      for (const DeviceRate& device : s.devices)
        series_of(speeds, device.id).points.emplace_back(x, device.images_per_second);
    }
    for (const EpochReport& e : c_.epochs) {
      const auto x = static_cast<double>(e.step);
      whole.points.emplace_back(x, e.train_loss);
      test.points.emplace_back(x, e.test.loss);
      accuracy.points.emplace_back(x, 100 * e.test.accuracy);
    }
    if (c_.steps.empty() && c_.epochs.empty()) return;
    if (speeds.size() > 1) speeds.front().name = "all devices";
    add("<h2>Curves</h2>\n<div class=\"charts\">\n{}{}{}{}</div>\n",
        chart("Loss (cross-entropy)", {train, whole, test}),
        chart("Test accuracy (%)", {accuracy}, false), chart("Learning rate", {rate}),
        chart("Speed (images per second)", speeds));
  }

  void add_epochs() {
    if (c_.epochs.empty()) return;
    add("<h2>Epochs</h2>\n<div class=\"scroll\"><table id=\"epochs\">\n<tr><th>epoch</th><th>train "
        "loss</th><th>test loss</th><th>test accuracy</th><th>seconds</th><th></th></tr>\n");
    for (const EpochReport& e : c_.epochs)
      add("<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.2f} %</td><td>{:.1f}</td><td>{}</td></tr>\n",
          e.epoch, number_text(e.train_loss), number_text(e.test.loss), 100 * e.test.accuracy,
          e.seconds, e.epoch == c_.end.best.epoch ? "best" : "");
    add("</table></div>\n");
  }

  /// Sorts many classes by accuracy.
  void add_classes() {
    std::vector<std::size_t> order = figures_.worst_first(&ClassFigures::recall);
    if (matrix_fits()) std::sort(order.begin(), order.end());
    add("<h2>Accuracy by class</h2>\n<div class=\"{}\"><table id=\"classes\">\n<tr><th>class"
        "</th><th>test images</th><th>right</th><th class=\"bar\"></th></tr>\n",
        matrix_fits() ? "wide" : "scroll");
    for (const std::size_t label : order) {
      if (const std::optional<double> recall = figures_.recall(label))
        add("<tr><td>{}</td><td>{}</td><td>{:.1f} %</td>{}</tr>\n", name(label),
            figures_.images(label), 100 * *recall, bar(*recall));
      else
        add("<tr><td>{}</td><td>0</td><td></td><td></td></tr>\n", name(label));
    }
    add("</table></div>\n");
  }

  void add_confusions() {
    add("<h2>Confusion</h2>\n");
    if (matrix_fits()) return add_matrix();
    add("<p class=\"soft\">The most confused pairs of classes.</p>\n<table "
        "id=\"confused\">\n<tr><th>class</th><th class=\"text\">predicted as</th><th>test "
        "images</th></tr>\n");
    for (const ClassFigures::Confused& pair : figures_.most_confused(most_confusions))
      add("<tr><td>{}</td><td class=\"text\">{}</td><td>{}</td></tr>\n", name(pair.label),
          name(pair.best), pair.images);
    add("</table>\n");
  }

  void add_matrix() {
    const bool is_long = std::any_of(classes_.begin(), classes_.end(), [](const std::string& one) {
      return one.size() > longest_level_name;
    });
    add("<p class=\"soft\">Test images by class (rows) and predicted class (columns).</p>\n<div "
        "class=\"wide\"><table id=\"confusion\" class=\"matrix{}\">\n<tr><th></th>",
        is_long ? " long" : "");
    for (std::size_t p = 0; p < classes_.size(); ++p) add("<th title=\"{0}\">{0}</th>", name(p));
    add("</tr>\n");
    for (std::size_t label = 0; label < classes_.size(); ++label) {
      add("<tr><th title=\"{0}\">{0}</th>", name(label));
      const auto all = static_cast<double>(std::max<std::int64_t>(1, figures_.images(label)));
      for (std::size_t p = 0; p < classes_.size(); ++p)
        add("<td{} style=\"background:rgba(var(--heat),{:.2f})\">{}</td>",
            p == label                      ? " class=\"hit\""
            : figures_.count(label, p) == 0 ? " class=\"soft\""
                                            : "",
            0.6 * static_cast<double>(figures_.count(label, p)) / all, figures_.count(label, p));
      add("</tr>\n");
    }
    add("</table></div>\n");
  }

  /// The images whose true class got the lowest probability.
  void add_mistakes() {
    std::vector<Prediction> mistakes;
    std::copy_if(c_.predictions.begin(), c_.predictions.end(), std::back_inserter(mistakes),
                 [](const Prediction& p) { return p.best != p.label; });
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Prediction& a, const Prediction& b) {
                       const auto order = [](float p) { return std::isnan(p) ? -1.0F : p; };
                       return order(a.label_probability) < order(b.label_probability);
                     });
    const std::size_t all = mistakes.size();
    mistakes.resize(std::min(all, most_mistakes));
    add("<h2>Worst mistakes</h2>\n<p class=\"soft\">{} of {} test images are misclassified. "
        "{}</p>\n<div class=\"pictures{}\">\n",
        all, c_.predictions.size(),
        all > 0
            ? fmt::format("The {} with the lowest probability of the true class:", mistakes.size())
            : "",
        c_.start.test.height() < most_rows_of_large_pixels ? " small" : "");
    for (const Prediction& p : mistakes) add_mistake(p);
    add("</div>\n");
  }

  void add_mistake(const Prediction& p) {
    const ImageDataset& test = c_.start.test;
    const std::string file = test.file_of(p.image);
    const std::string title = file.empty() ? fmt::format("test image {}", p.image) : file;
    add("<figure title=\"{}\">", escape_html(title));
    if (is_picture(test))
      add("<img alt=\"{}\" src=\"{}\">", escape_html(title), data_uri(encode_png(test, p.image)));
    add("<figcaption><b>{}</b> ({}&nbsp;%)<br>predicted as <b>{}</b> ({}&nbsp;%)<br>image "
        "{}</figcaption></figure>\n",
        name(static_cast<std::size_t>(p.label)),
        percent_text(static_cast<double>(p.label_probability), 1),
        name(static_cast<std::size_t>(p.best)), percent_text(static_cast<double>(p.probability), 1),
        p.image);
  }

  void add_layers() {
    const double all =
        std::accumulate(c_.layers.begin(), c_.layers.end(), 0.0,
                        [](double sum, const LayerTime& layer) { return sum + layer.seconds; });
    const auto row = [&](const std::string& layer, const std::string& how, double seconds) {
      add("<tr><td>{}</td><td class=\"text\">{}</td><td>{:.3f}</td><td>{:.1f} %</td>{}</tr>\n",
          escape_html(layer), escape_html(how), 1e3 * seconds, 100 * share(seconds, all),
          bar(std::min(1.0, share(seconds, c_.layers.front().seconds))));
    };
    add("<h2>Time by layer</h2>\n<p class=\"soft\">One training step of {} images, {:.3f} ms in "
        "all; .dx, .dw and similar suffixes mark gradients.</p>\n<div class=\"wide\"><table "
        "id=\"layers\">\n<tr><th>layer</th><th class=\"text\">op and "
        "algorithm</th><th>ms</th><th>share</th><th class=\"bar\"></th></tr>\n",
        c_.start.state.batch, 1e3 * all);
    double others = all;
    const std::size_t shown = std::min(most_layers, c_.layers.size());
    for (std::size_t i = 0; i < shown; ++i) {
      row(c_.layers[i].name, c_.layers[i].how, c_.layers[i].seconds);
      others -= c_.layers[i].seconds;
    }
    if (shown < c_.layers.size()) row(fmt::format("{} more", c_.layers.size() - shown), "", others);
    add("</table></div>\n");
  }

  void add_options() {
    std::string command = "tessera train";
    for (const OptionValue& option : c_.start.options)
      if (option.given)
        command += " " + option.name +
                   (option.values.empty()
                        ? ""
                        : " " + quoted(fmt::format("{}", fmt::join(option.values, ","))));
    add("<h2>Command line</h2>\n<pre>{}</pre>\n<details><summary>All options, with their "
        "defaults</summary>\n<table id=\"options\">\n<tr><th>option</th><th "
        "class=\"text\">value</th></tr>\n",
        escape_html(command));
    for (const OptionValue& option : c_.start.options)
      add("<tr><td>{}</td><td class=\"text\">{}</td></tr>\n", escape_html(option.name),
          option.values.empty() ? "yes"
                                : escape_html(fmt::format("{}", fmt::join(option.values, ", "))));
    add("</table>\n</details>\n");
  }

  const ReportContent& c_;
  const std::vector<std::string>& classes_;
  ClassFigures figures_;
  std::string page_;
};

}  // namespace

std::string report_page(const ReportContent& content) { return Page(content).html(); }

}  // namespace tessera::tools
