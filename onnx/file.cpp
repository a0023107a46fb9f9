#include "onnx/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <utility>

#include "onnx/constant.h"
#include "onnx/inline.h"
#include "onnx/op_table.h"
#include "onnx/weights.h"
#include "tessera/error.h"
#include "tessera/text.h"

namespace tessera::importer {
namespace {

constexpr std::int64_t oldest_opset = 6, newest_opset = 28;  // of onnx 1.23
constexpr std::size_t most_bytes = 1000;                     ///< of a name

onnx::ModelProto parse(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InvalidFile("onnx", fmt::format("cannot open '{}'", path));
  const google::protobuf::LogSilencer silencer;  // errors go to the caller, not to the terminal
  onnx::ModelProto model;
  try {
    if (!model.ParsePartialFromIstream(&file))
      throw InvalidFile("onnx", fmt::format("'{}' is damaged or not an ONNX file", path));
  } catch (const std::bad_alloc&) {
    throw OutOfMemory("onnx", fmt::format("there is not enough memory for '{}'", path));
  }
  if (model.graph().output_size() == 0)
    throw InvalidFile("onnx", fmt::format("'{}' has no graph with outputs", path));
  return model;
}

}  // namespace

std::string name_of(const onnx::NodeProto& node) {
  return !node.name().empty() || node.output_size() == 0 ? node.name() : node.output(0);
}

File::File(std::string path) : path_(std::move(path)), model_(parse(path_)) {
  read_opset();
  check_names();
  opsets_ = inline_functions(model_);
  move_weights_to_initializers(*model_.mutable_graph());
  for_each_graph(graph(), [&](const onnx::GraphProto& g) { index(g); });
  preparation_ = preparation_of(graph());
  check_operators();
  for (const auto& [name, tensor] : initializers_) check_data(*tensor, folder());
}

void File::read_opset() {
  for (const auto& set : model_.opset_import())
    if (is_onnx(set.domain())) opset_ = set.version();
  if (opset_ < oldest_opset || opset_ > newest_opset)
    throw InvalidFile("onnx", fmt::format("'{}' is of opset {}, expected {} to {}", path_, opset_,
                                          oldest_opset, newest_opset));
}

void File::check_names() const {
  const auto check = [&](const std::string& name) {
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    if (name.size() > most_bytes || !is_utf8(name) || std::ranges::any_of(name, is_control))
      throw InvalidFile("onnx",
                        fmt::format("'{}' has the name '{}', expected UTF-8 text without control "
                                    "characters and of at most {} bytes",
                                    path_, name.substr(0, 40), most_bytes));
  };
  const auto check_tensor = [&](const onnx::TensorProto& tensor) {
    check(tensor.name());
    for (const auto& entry : tensor.external_data()) {
      check(entry.key());
      check(entry.value());
    }
  };
  const auto check_nodes = [&](const auto& nodes) {
    for (const onnx::NodeProto& node : nodes) {
      for (const auto& name : {node.name(), node.op_type(), node.domain()}) check(name);
      for (const auto& names : {node.input(), node.output()})
        std::for_each(names.begin(), names.end(), check);
      for (const auto& attribute : node.attribute()) {
        for (const auto& name : {attribute.name(), attribute.ref_attr_name(), attribute.s()})
          check(name);
        check_tensor(attribute.t());
      }
    }
  };
  const auto check_graph = [&](const onnx::GraphProto& graph) {
    check_nodes(graph.node());
    for (const onnx::TensorProto& tensor : graph.initializer()) check_tensor(tensor);
    for (const auto& values : {graph.input(), graph.output()})
      for (const onnx::ValueInfoProto& value : values) check(value.name());
  };
  for_each_graph(graph(), check_graph);
  for (const onnx::FunctionProto& function : model_.functions()) {
    check(function.name());
    check(function.domain());
    check_nodes(function.node());
    for (const onnx::NodeProto& node : function.node())
      for (const auto& attribute : node.attribute()) for_each_graph(attribute.g(), check_graph);
  }
}

void File::index(const onnx::GraphProto& graph) {
  for (const onnx::TensorProto& tensor : graph.initializer())
    initializers_[tensor.name()] = &tensor;
  for (const onnx::NodeProto& node : graph.node()) {
    for (const std::string& output : node.output())
      if (!output.empty()) producers_[output] = &node;
    const bool convolves = node.op_type() == "Conv" || node.op_type() == "ConvTranspose";
    if (convolves && node.input_size() > 1) filters_.insert(node.input(1));
  }
}

std::int64_t File::opset(const onnx::NodeProto& node) const {
  const auto found = node.output_size() == 0 ? opsets_.end() : opsets_.find(node.output(0));
  return found == opsets_.end() ? opset_ : found->second;
}

void File::check_operators() const {
  std::map<std::string, std::vector<std::string>> unknown;
  for (const onnx::NodeProto& node : graph().node()) {
    const bool known = is_onnx(node.domain()) && find_operator(node.op_type());
    if (known) continue;
    const std::string domain = is_onnx(node.domain()) ? "" : node.domain() + ".";
    unknown[domain + node.op_type()].push_back(fmt::format("'{}'", name_of(node)));
  }
  if (unknown.empty()) return;
  std::vector<std::string> lines;
  for (const auto& [op, nodes] : unknown)
    lines.push_back(fmt::format("{} ({} {})", op, nodes.size() == 1 ? "node" : "nodes",
                                fmt::join(nodes, ", ")));
  throw InvalidFile("onnx", fmt::format("'{}' has operators that are not supported: {}", path_,
                                        fmt::join(lines, "; ")));
}

std::map<std::string, std::string> File::metadata() const {
  std::map<std::string, std::string> entries;
  for (const auto& entry : model_.metadata_props()) entries[entry.key()] = entry.value();
  return entries;
}

const onnx::TensorProto* File::initializer(const std::string& name) const {
  const auto found = initializers_.find(name);
  return found == initializers_.end() ? nullptr : found->second;
}

const onnx::NodeProto* File::producer(const std::string& value) const {
  const auto found = producers_.find(value);
  return found == producers_.end() ? nullptr : found->second;
}

bool File::is_filter(const onnx::TensorProto& initializer) const {
  return filters_.contains(initializer.name());
}

bool File::is_preparation(const onnx::TensorProto& initializer) const {
  return preparation_.contains(initializer.name());
}

std::vector<const onnx::NodeProto*> nodes_for(const onnx::GraphProto& graph,
                                              const std::vector<std::string>& values) {
  std::set<std::string> needed(values.begin(), values.end());
  std::vector<const onnx::NodeProto*> nodes;
  for (int i = graph.node_size(); i-- > 0;) {
    const onnx::NodeProto& node = graph.node(i);
    const auto is_needed = [&](const std::string& output) { return needed.contains(output); };
    if (std::none_of(node.output().begin(), node.output().end(), is_needed)) continue;
    needed.insert(node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute())
      for_each_graph(attribute.g(),
                     [&](const onnx::GraphProto& branch) {  // values from outside that they read
                       for (const onnx::NodeProto& inner : branch.node())
                         needed.insert(inner.input().begin(), inner.input().end());
                       for (const onnx::ValueInfoProto& output : branch.output())
                         needed.insert(output.name());
                     });
    nodes.push_back(&node);
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace tessera::importer
