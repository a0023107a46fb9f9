#include "onnx/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <utility>

#include "onnx/constant.h"
#include "onnx/op_table.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

bool is_onnx(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

onnx::ModelProto parse(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("onnx", fmt::format("cannot open '{}'", path));
  const google::protobuf::LogSilencer silencer;  // errors go to the caller, not to the terminal
  onnx::ModelProto model;
  if (!model.ParseFromIstream(&file))
    throw Error("onnx", fmt::format("'{}' is damaged, or no ONNX file", path));
  if (model.graph().output_size() == 0)
    throw Error("onnx", fmt::format("'{}' has no graph with outputs", path));
  return model;
}

}  // namespace

std::string name_of(const onnx::NodeProto& node) {
  return !node.name().empty() || node.output_size() == 0 ? node.name() : node.output(0);
}

File::File(std::string path) : path_(std::move(path)), model_(parse(path_)) {
  read_opset();
  check_names();
  index();
  check_operators();
  for (const onnx::TensorProto& tensor : graph().initializer()) check_data(tensor, folder());
}

void File::read_opset() {
  for (const auto& set : model_.opset_import())
    if (is_onnx(set.domain())) opset_ = set.version();
  if (opset_ < 9 || opset_ > 21)
    throw Error("onnx", fmt::format("'{}' is of opset {}, expected 9 to 21", path_, opset_));
}

void File::check_names() const {
  const auto check = [&](const std::string& name) {
    if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return std::iscntrl(c); }))
      throw Error("onnx", fmt::format("'{}' has a name with control characters", path_));
  };
  for (const onnx::NodeProto& node : graph().node()) {
    check(node.name());
    check(node.op_type());
    check(node.domain());
    for (const auto& attribute : node.attribute()) check(attribute.name());
    for (const auto& names : {node.input(), node.output()})
      std::for_each(names.begin(), names.end(), check);
  }
  for (const onnx::TensorProto& tensor : graph().initializer()) check(tensor.name());
  for (const auto& values : {graph().input(), graph().output()})
    for (const onnx::ValueInfoProto& value : values) check(value.name());
}

void File::index() {
  for (const onnx::TensorProto& tensor : graph().initializer())
    initializers_[tensor.name()] = &tensor;
  for (const onnx::NodeProto& node : graph().node()) {
    for (const std::string& output : node.output())
      if (!output.empty()) producers_[output] = &node;
    const bool convolves = node.op_type() == "Conv" || node.op_type() == "ConvTranspose";
    if (convolves && node.input_size() > 1) filters_.insert(node.input(1));
  }
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
  throw Error("onnx", fmt::format("'{}' has operators that are not supported: {}", path_,
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

std::vector<const onnx::NodeProto*> File::nodes_for(const std::vector<std::string>& values) const {
  std::set<std::string> needed(values.begin(), values.end());
  std::vector<const onnx::NodeProto*> nodes;
  for (int i = graph().node_size(); i-- > 0;) {
    const onnx::NodeProto& node = graph().node(i);
    const auto is_needed = [&](const std::string& output) { return needed.contains(output); };
    if (std::none_of(node.output().begin(), node.output().end(), is_needed)) continue;
    needed.insert(node.input().begin(), node.input().end());
    nodes.push_back(&node);
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace tessera::importer
