// `tessera eval`: measures a trained model on a data set, as a whole and for each class.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tessera/classifier_group.h"
#include "tessera/error.h"
#include "tessera/output_file.h"
#include "tools/predict/class_figures.h"
#include "tools/predict/model_options.h"
#include "tools/shared/data_changes.h"
#include "tools/shared/json_text.h"
#include "tools/shared/networks.h"
#include "tools/shared/number_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

constexpr std::size_t most_confusions = 10;

struct Arguments {
  ModelOptions model;
  bool json = false;
  std::string confusion;  ///< file
};

Json json_of(const std::optional<double>& figure) { return figure ? Json(*figure) : Json(); }

std::string text_of(const std::optional<double>& figure) {
  return figure ? number_text(*figure) : "-";
}

void print_json(const ClassifierEvaluation& result, const ClassFigures& figures, const Names& names,
                const std::optional<std::size_t>& skipped) {
  Json j = {{"accuracy", result.accuracy}};
  if (const auto top5 = figures.top5()) j["top5"] = *top5;
  j["loss"] = result.loss;
  j["images"] = result.images;
  if (skipped) j["skipped"] = *skipped;
  Json classes = Json::array(), matrix = Json::array();
  for (std::size_t label = 0; label < figures.classes(); ++label) {
    classes.push_back({{"name", names.at(label)},
                       {"images", figures.images(label)},
                       {"predicted", figures.predicted(label)},
                       {"right", figures.right(label)},
                       {"precision", json_of(figures.precision(label))},
                       {"recall", json_of(figures.recall(label))},
                       {"f1", json_of(figures.f1(label))}});
    Json row = Json::array();
    for (std::size_t best = 0; best < figures.classes(); ++best)
      row.push_back(figures.count(label, best));
    matrix.push_back(std::move(row));
  }
  j["classes"] = std::move(classes);
  j["confusion"] = std::move(matrix);
  print_text(json_text(j) + "\n");
}

std::size_t width_of(const Names& names) {
  std::size_t width = 5;  // "class"
  for (const std::string& name : names)
    width = std::max(width, fmt::formatted_size("{}", printable(name)));
  return std::min<std::size_t>(width, 40);
}

/// Prints all classes, or the worst ones if there are many.
void print_classes(const ClassFigures& figures, const Names& names) {
  std::vector<std::size_t> order = figures.worst_first(&ClassFigures::f1);
  if (order.size() > most_classes_of_a_matrix) {
    print("the {} of {} classes with the lowest F1 (see all with --json):\n",
          most_classes_of_a_matrix, order.size());
    order.resize(most_classes_of_a_matrix);
  } else {
    std::sort(order.begin(), order.end());
  }
  const std::size_t width = width_of(names);
  print("{:<{}}  images  precision  recall      F1\n", "class", width);
  for (const std::size_t label : order)
    print("{:<{}}  {:>6}  {:>9}  {:>6}  {:>6}\n", names.at(label), width, figures.images(label),
          text_of(figures.precision(label)), text_of(figures.recall(label)),
          text_of(figures.f1(label)));
}

/// Prints numbers above the columns, since names would be too wide.
void print_matrix(const ClassFigures& figures, const Names& names) {
  std::int64_t most = 0;
  for (std::size_t label = 0; label < figures.classes(); ++label)
    most = std::max(most, figures.images(label));
  const std::size_t cell = std::max<std::size_t>(2, std::to_string(most).size()) + 1;
  const std::size_t width = width_of(names);
  std::string text = fmt::format("{:{}}", "", width + 4);
  for (std::size_t best = 0; best < figures.classes(); ++best)
    fmt::format_to(std::back_inserter(text), "{:>{}}", best, cell);
  for (std::size_t label = 0; label < figures.classes(); ++label) {
    fmt::format_to(std::back_inserter(text), "\n{:>2}  {:<{}}", label, printable(names.at(label)),
                   width);
    for (std::size_t best = 0; best < figures.classes(); ++best)
      fmt::format_to(std::back_inserter(text), "{:>{}}", figures.count(label, best), cell);
  }
  print_text("images of each class (rows) by predicted class (columns):\n" + text + "\n");
}

void print_confused(const ClassFigures& figures, const Names& names) {
  print("the most confused pairs of classes (write the whole matrix with --confusion FILE.csv):\n");
  for (const ClassFigures::Confused& pair : figures.most_confused(most_confusions))
    print("{:>6} images of {} predicted as {}\n", pair.images, names.at(pair.label),
          names.at(pair.best));
}

void print_result(const Arguments& arguments, const std::string& data,
                  const ClassifierEvaluation& result, const ClassFigures& figures,
                  const Names& names, std::size_t skipped) {
  const auto top5 = figures.top5();
  print("{}: accuracy {:.4f}{}, loss {} on {} test images of {}{}\n\n", arguments.model.model,
        result.accuracy, top5 ? fmt::format(", top-5 {:.4f}", *top5) : "", number_text(result.loss),
        result.images, data, skipped_text(skipped));
  print_classes(figures, names);
  print_text("\n");
  if (figures.classes() <= most_classes_of_a_matrix)
    print_matrix(figures, names);
  else
    print_confused(figures, names);
}

void run(const Arguments& arguments) {
  if (!arguments.confusion.empty()) check_output(arguments.confusion);
  OpenedNetwork opened = arguments.model.open();
  const std::string data = arguments.model.data.name.empty() ? opened.checkpoint.training.data
                                                             : arguments.model.data.name;
  if (data.empty())
    throw Error(arguments.model.model,
                "does not name its training data; choose a data set with --data");
  const auto dataset = load_test(opened, data, arguments.model.data);
  const std::size_t skipped = report_skipped({dataset.get()});
  if (data == opened.checkpoint.training.data)
    warn_of_changes(opened.checkpoint.training, *dataset);
  const DeviceGroup devices = arguments.model.device.open_group();
  const auto network = load(devices.leader(), opened);
  ClassifierGroup group(*network, devices, print_note);
  const Names& names = network->model().classes;
  ClassFigures figures(names.size());
  const ClassifierEvaluation result = group.evaluate(
      *dataset, evaluation_batch(*dataset), arguments.model.weights(),
      /*stops=*/{},
      [&](std::int32_t label, std::span<const float> row) { figures.add(label, row); });
  if (!arguments.confusion.empty()) write_file(arguments.confusion, figures.csv(names));
  if (arguments.json)
    print_json(result, figures, names,
               arguments.model.data.skip_bad ? std::optional(skipped) : std::nullopt);
  else
    print_result(arguments, data, result, figures, names, skipped);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Measure a trained model on a data set");
  auto arguments = std::make_shared<Arguments>();
  arguments->model.add(
      *command,
      "data set whose test images to use (default: the one that the model was trained on)",
      "the size in an ONNX file, or the size of the data");
  command->add_flag("--json", arguments->json,
                    "print JSON, with the figures of all classes and the confusion matrix");
  command->add_option("--confusion", arguments->confusion,
                      "write the confusion matrix to this CSV file: a row for each class, a column "
                      "for each predicted class");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::tools
