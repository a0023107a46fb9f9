// An ONNX file, read and checked, independent of the shapes of a graph.
#pragma once

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/spec.h"

namespace tessera::importer {

/// Returns the nodes of a graph that the values need, in order.
std::vector<const onnx::NodeProto*> nodes_for(const onnx::GraphProto& graph,
                                              const std::vector<std::string>& values);

class File {
 public:
  explicit File(std::string path);
  const std::string& path() const { return path_; }
  std::filesystem::path folder() const { return std::filesystem::path(path_).parent_path(); }
  const onnx::GraphProto& graph() const { return model_.graph(); }
  /// Returns the opset of a node; functions may have another than the file.
  std::int64_t opset(const onnx::NodeProto& node) const;

  std::map<std::string, std::string> metadata() const;

  /// nullptr: there is none.
  const onnx::TensorProto* initializer(const std::string& name) const;
  /// Returns the producer of a value, or nullptr.
  const onnx::NodeProto* producer(const std::string& value) const;
  /// Whether it is the filters of a convolution, which are stored channels last.
  bool is_filter(const onnx::TensorProto& initializer) const;
  /// Whether the model normalizes its images with it; it is not trained.
  bool is_preparation(const onnx::TensorProto& initializer) const;
  /// Returns the needed nodes, in order.
  std::vector<const onnx::NodeProto*> nodes_for(const std::vector<std::string>& values) const {
    return importer::nodes_for(graph(), values);
  }

 private:
  void read_opset();
  void index(const onnx::GraphProto& graph);
  /// Checks the names, which messages show.
  void check_names() const;
  void check_operators() const;

  std::string path_;
  onnx::ModelProto model_;
  std::int64_t opset_ = 0;
  std::map<std::string, std::int64_t> opsets_;  ///< of nodes with another opset
  std::map<std::string, const onnx::TensorProto*> initializers_;
  std::map<std::string, const onnx::NodeProto*> producers_;
  std::set<std::string> filters_;
  std::set<std::string> preparation_;
};

/// Whether a node is one of these operators.
template <std::size_t count>
bool is_one_of(const onnx::NodeProto& node, const std::array<std::string_view, count>& ops) {
  return std::find(ops.begin(), ops.end(), node.op_type()) != ops.end();
}

/// Returns the name of a node, else the name of its first output.
std::string name_of(const onnx::NodeProto& node);

}  // namespace tessera::importer
