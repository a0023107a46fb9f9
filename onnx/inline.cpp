#include "onnx/inline.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>

#include "tessera/error.h"

namespace tessera::importer {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using Names = std::map<std::string, std::string>;
using Attributes = std::map<std::string, onnx::AttributeProto>;

constexpr int most_calls = 32;  ///< of functions inside of functions
constexpr std::size_t most_nodes = std::size_t{1} << 20;

template <typename Node, typename Visit>
void for_each_branch(Node& node, const Visit& visit) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) visit(*attribute.mutable_g());
    for (auto& graph : *attribute.mutable_graphs()) visit(graph);
  }
}

void rename(std::string* name, const Names& names) {
  if (const auto found = names.find(*name); found != names.end()) *name = found->second;
}

void rename(onnx::GraphProto& graph, const Names& names);

void rename(onnx::NodeProto& node, const Names& names) {
  for (std::string& input : *node.mutable_input()) rename(&input, names);
  for (std::string& output : *node.mutable_output()) rename(&output, names);
  for_each_branch(node, [&](onnx::GraphProto& branch) { rename(branch, names); });
}

void rename(onnx::GraphProto& graph, const Names& names) {
  for (onnx::NodeProto& node : *graph.mutable_node()) rename(node, names);
  for (auto& tensor : *graph.mutable_initializer()) rename(tensor.mutable_name(), names);
  for (auto* values : {graph.mutable_input(), graph.mutable_output()})
    for (onnx::ValueInfoProto& value : *values) rename(value.mutable_name(), names);
}

/// Collects the names of the values of nodes, also of the nodes inside of them.
void collect(const Nodes& nodes, std::set<std::string>& names) {
  for (const onnx::NodeProto& node : nodes) {
    names.insert(node.output().begin(), node.output().end());
    for (const auto& attribute : node.attribute())
      for_each_graph(attribute.g(), [&](const onnx::GraphProto& graph) {
        for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
        for (const auto& inner : graph.node())
          names.insert(inner.output().begin(), inner.output().end());
      });
  }
}

std::optional<std::int64_t> opset_of(
    const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports) {
  for (const auto& set : imports)
    if (is_onnx(set.domain())) return set.version();
  return {};
}

/// Returns the default values of a function's attributes. The installed schema may be too old to
/// have them.
Attributes defaults_of(const onnx::FunctionProto& function) {
  constexpr int attribute_proto = 11;
  Attributes values;
  const auto& unknown = function.GetReflection()->GetUnknownFields(function);
  for (int i = 0; i < unknown.field_count(); ++i) {
    onnx::AttributeProto attribute;
    if (unknown.field(i).number() == attribute_proto &&
        unknown.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED &&
        attribute.ParseFromString(unknown.field(i).length_delimited()))
      values[attribute.name()] = attribute;
  }
  return values;
}

/// Replaces attribute references with the values of the call; removes references without a value.
void fill_in(Nodes& nodes, const Attributes& values) {
  for (onnx::NodeProto& node : nodes) {
    auto& attributes = *node.mutable_attribute();
    for (int i = attributes.size(); i-- > 0;) {
      const std::string name = attributes[i].name(), wanted = attributes[i].ref_attr_name();
      if (wanted.empty()) continue;
      if (const auto found = values.find(wanted); found != values.end()) {
        attributes[i] = found->second;
        attributes[i].set_name(name);
      } else {
        attributes.DeleteSubrange(i, 1);
      }
    }
    for_each_branch(node, [&](onnx::GraphProto& g) { fill_in(*g.mutable_node(), values); });
  }
}

class Inliner {
 public:
  explicit Inliner(onnx::ModelProto& model)
      : opset_(opset_of(model.opset_import()).value_or(0)),
        most_bytes_(model.ByteSizeLong() + (std::size_t{1} << 28)) {
    for (const onnx::FunctionProto& function : model.functions())
      if (!functions_.emplace(key(function.domain(), function.name()), &function).second)
        throw Error("onnx", "the file has two functions with the same name");
    if (functions_.empty()) return;
    collect(model.graph().node(), taken_);
    expand(*model.mutable_graph(), 0);
  }

  std::map<std::string, std::int64_t> opsets;

 private:
  using Key = std::pair<std::string, std::string>;
  static Key key(const std::string& domain, const std::string& name) {
    return {is_onnx(domain) ? "" : domain, name};
  }

  void expand(onnx::GraphProto& graph, int calls) {
    Nodes nodes;
    nodes.Swap(graph.mutable_node());
    for (onnx::NodeProto& node : nodes) expand(std::move(node), *graph.mutable_node(), calls);
  }

  void expand(onnx::NodeProto node, Nodes& result, int calls) {
    if (++count_ > most_nodes) throw Error("onnx", "functions have more than 2^20 nodes");
    const auto found = functions_.find(key(node.domain(), node.op_type()));
    if (found == functions_.end()) {
      for_each_branch(node, [&](onnx::GraphProto& branch) { expand(branch, calls); });
      *result.Add() = std::move(node);
      return;
    }
    if (calls == most_calls)
      throw Error("onnx", fmt::format("functions call each other more than {} deep", most_calls));
    Nodes body = body_of(*found->second, node);
    for (onnx::NodeProto& inner : body) expand(std::move(inner), result, calls + 1);
  }

  /// Returns the nodes of a function for a call.
  Nodes body_of(const onnx::FunctionProto& function, const onnx::NodeProto& call) {
    bytes_ += function.ByteSizeLong();
    if (bytes_ > most_bytes_)
      throw Error("onnx", fmt::format("functions have more than {} bytes", most_bytes_));
    Nodes nodes = function.node();
    Attributes values = defaults_of(function);
    for (const auto& attribute : call.attribute()) values[attribute.name()] = attribute;
    fill_in(nodes, values);
    const Names names = names_for(function, call, nodes);
    const std::int64_t opset = opset_of(function.opset_import()).value_or(opset_);
    for (onnx::NodeProto& node : nodes) {
      rename(node, names);
      if (!node.name().empty()) node.set_name(fmt::format("{}/{}", call.name(), node.name()));
      if (opset != opset_) keep_opset(node, opset);
    }
    return nodes;
  }

  Names names_for(const onnx::FunctionProto& function, const onnx::NodeProto& call,
                  const Nodes& nodes) {
    std::set<std::string> inner;
    collect(nodes, inner);
    inner.erase("");
    Names names;
    for (const std::string& name : inner) names[name] = fresh(call.name(), name);
    const auto bind = [&](const auto& formal, const auto& actual) {
      if (actual.size() > formal.size())
        throw Error("onnx",
                    fmt::format("a call of function '{}' has {} inputs or outputs, expected "
                                "at most {}",
                                function.name(), actual.size(), formal.size()));
      for (int i = 0; i < formal.size(); ++i)
        if (i < actual.size() && !actual[i].empty())
          names[formal[i]] = actual[i];
        else if (!inner.contains(formal[i]))
          names[formal[i]] = "";  // an omitted input
    };
    bind(function.input(), call.input());
    bind(function.output(), call.output());
    return names;
  }

  std::string fresh(const std::string& call, const std::string& name) {
    std::string found = fmt::format("{}/{}", call, name);
    while (!taken_.insert(found).second) found = fmt::format("{}/{}.{}", call, name, ++copies_);
    return found;
  }

  void keep_opset(onnx::NodeProto& node, std::int64_t opset) {
    if (node.output_size() > 0) opsets[node.output(0)] = opset;
    for_each_branch(node, [&](onnx::GraphProto& branch) {
      for (onnx::NodeProto& inner : *branch.mutable_node()) keep_opset(inner, opset);
    });
  }

  std::int64_t opset_;
  std::map<Key, const onnx::FunctionProto*> functions_;
  std::set<std::string> taken_;
  std::size_t count_ = 0, copies_ = 1, bytes_ = 0, most_bytes_;
};

/// Renames values, since the two branches of a node may use one name for different values.
class Namer {
 public:
  explicit Namer(onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) taken_.insert(tensor.name());
    for (const auto& input : graph.input()) taken_.insert(input.name());
    for (const auto& node : graph.node()) taken_.insert(node.output().begin(), node.output().end());
    for (onnx::NodeProto& node : *graph.mutable_node()) visit(node);
  }

 private:
  void visit(onnx::NodeProto& node) {
    for_each_branch(node, [&](onnx::GraphProto& branch) {
      Names names;
      const auto define = [&](const std::string& name) {
        if (name.empty() || taken_.insert(name).second) return;
        std::string other = name;
        while (!taken_.insert(other).second) other = fmt::format("{}.{}", name, ++copies_);
        names[name] = other;
      };
      for (const auto& tensor : branch.initializer()) define(tensor.name());
      for (const auto& inner : branch.node())
        for (const std::string& output : inner.output()) define(output);
      if (!names.empty()) rename(branch, names);
      for (onnx::NodeProto& inner : *branch.mutable_node()) visit(inner);
    });
  }

  std::set<std::string> taken_;
  std::size_t copies_ = 1;
};

}  // namespace

bool is_onnx(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

std::map<std::string, std::int64_t> inline_functions(onnx::ModelProto& model) {
  Inliner inliner(model);
  model.clear_functions();
  const Namer namer(*model.mutable_graph());
  return std::move(inliner.opsets);
}

void for_each_graph(const onnx::GraphProto& graph,
                    const std::function<void(const onnx::GraphProto&)>& visit) {
  visit(graph);
  for (const onnx::NodeProto& node : graph.node())
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) for_each_graph(attribute.g(), visit);
      for (const onnx::GraphProto& inner : attribute.graphs()) for_each_graph(inner, visit);
    }
}

}  // namespace tessera::importer
