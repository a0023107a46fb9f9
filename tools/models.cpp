// `tessera models`: lists the models, or the layers of one model.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tessera/error.h"
#include "tessera/flops.h"
#include "tessera/models.h"
#include "tessera/op.h"
#include "tools/shared/image_size.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

struct Arguments {
  std::string name;
  std::string size;
  std::int64_t channels = 3;
  std::int64_t classes = 0;
};

/// "25,557,032".
std::string grouped(std::int64_t number) {
  const std::string digits = fmt::format("{}", number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// The input that the options set, else the input that the model was published for.
struct Input {
  std::int64_t height, width, channels, classes;
};

Input input_of(const ModelInfo& model, const Arguments& arguments) {
  const std::string size = arguments.size.empty() ? fmt::format("{}", model.side) : arguments.size;
  const auto [height, width] = parse_size(size);
  return {height, width, arguments.channels,
          arguments.classes > 0 ? arguments.classes : model.classes};
}

/// The model alone, for one image.
Graph build(const ModelInfo& model, const Input& input) {
  std::int64_t padding = 0;
  if (model.classifier)
    padding = make_model(model.name, {input.height, input.width, input.channels, {}}, {})
                  .input.options.padding;
  Graph graph;
  const Var image = graph.input(
      "image",
      {DType::f32, {1, input.height + 2 * padding, input.width + 2 * padding, input.channels}});
  append_model(model.name, image, input.classes);
  return graph;
}

std::int64_t parameters(const Graph& graph) {
  std::int64_t count = 0;
  for (const Value& value : graph.values())
    if (value.role == Role::parameter) count += value.spec.elements();
  return count;
}

void print_list(const Arguments& arguments) {
  print("{:<16} {:>13} {:>8} {:>12} {:>9}\n", "model", "image", "classes", "parameters", "GFLOPs");
  for (const ModelInfo& model : list_models()) {
    const Input input = input_of(model, arguments);
    print("{:<16} {:>13} {:>8} ", model.name,
          fmt::format("{}x{}x{}", input.height, input.width, input.channels), input.classes);
    try {
      const Graph graph = build(model, input);
      print("{:>12} {:>9.3f}\n", grouped(parameters(graph)), 1e-9 * flops(graph));
    } catch (const Error& error) {
      print("{}\n", error.what());
    }
  }
  print("GFLOPs: one forward pass of one image; a multiply-add counts as two.\n");
}

/// Counts parameters at the first node that uses them, directly or through a view.
class Owners {
 public:
  explicit Owners(const Graph& graph) : unused_(graph.values().size(), 0) {
    for (std::size_t i = 0; i < unused_.size(); ++i)
      if (graph.values()[i].role == Role::parameter) unused_[i] = graph.values()[i].spec.elements();
  }
  std::int64_t take(const Node& node) {
    std::int64_t count = 0;
    for (ValueId id : node.inputs) count += std::exchange(unused_[static_cast<std::size_t>(id)], 0);
    if (!node.op->is_view) return count;
    unused_[static_cast<std::size_t>(node.outputs[0])] = count;
    return 0;
  }

 private:
  std::vector<std::int64_t> unused_;  ///< by value: elements not yet counted
};

void print_layers(const Arguments& arguments) {
  const ModelInfo& model = model_info(arguments.name);
  const Graph graph = build(model, input_of(model, arguments));
  std::size_t name_width = 5, op_width = 2;
  for (const Node& node : graph.nodes()) {
    name_width = std::max(name_width, node.name.size());
    op_width = std::max(op_width, node.op->name.size());
  }
  const auto row = [&](auto name, auto op, auto output, auto count, auto operations) {
    print("{:<{}}  {:<{}}  {:<18} {:>12} {:>10}\n", name, name_width, op, op_width, output, count,
          operations);
  };
  row("layer", "op", "output", "parameters", "MFLOPs");
  Owners owners(graph);
  double output_bytes = 0;
  for (const Node& node : graph.nodes()) {
    const std::int64_t count = owners.take(node);
    if (node.op->is_view) continue;
    const TensorSpec& output = graph.value(node.outputs[0]).spec;
    output_bytes += static_cast<double>(output.bytes());
    row(node.name, node.op->name, to_string(output.shape), count > 0 ? grouped(count) : "",
        fmt::format("{:.1f}", 1e-6 * flops(graph, node)));
  }
  const std::int64_t count = parameters(graph);
  print(
      "{} parameters ({:.1f} MiB), {:.3f} GFLOPs per image forward (a multiply-add counts as two), "
      "{:.1f} MiB of outputs\n",
      grouped(count), 4 * static_cast<double>(count) / 0x1p20, 1e-9 * flops(graph),
      output_bytes / 0x1p20);
}

}  // namespace

void add_models_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("models", "List the models, or the layers of one model");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("name", arguments->name, "model to list the layers of");
  add_size_option(*command, arguments->size, "the size that the model was published for");
  command->add_option("--channels", arguments->channels, "channels of an image (1: gray, 3: color)")
      ->check(at_least<std::int64_t>(1));
  command
      ->add_option("--classes", arguments->classes,
                   "number of classes (default: the number that the model was published for)")
      ->check(at_least<std::int64_t>(1));
  command->callback(
      [arguments] { arguments->name.empty() ? print_list(*arguments) : print_layers(*arguments); });
}

}  // namespace tessera::tools
