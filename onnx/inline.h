// Inlines the functions of an ONNX file, and renames values of branches.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace tessera::importer {

/// Whether it is the domain of ONNX's own operators.
bool is_onnx(const std::string& domain);

/// Replaces calls of functions with their nodes, and renames duplicate values of branches. Returns
/// the opset of nodes whose function has another opset than the file, by the node's first output.
/// Throws Error for endless recursion or more than 2^20 nodes.
std::map<std::string, std::int64_t> inline_functions(onnx::ModelProto& model);

/// Calls visit(graph) for the graph and the graphs inside of its nodes, outer ones first.
void for_each_graph(const onnx::GraphProto& graph,
                    const std::function<void(const onnx::GraphProto&)>& visit);

}  // namespace tessera::importer
