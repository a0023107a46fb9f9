// Functions that an ONNX file brings with it, and branches: nodes inside of others.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace tessera::importer {

/// Whether it is the domain of ONNX's own operators.
bool is_onnx(const std::string& domain);

/// Puts the nodes of functions in the place of their calls, and gives values of branches other
/// names where one has a name twice. Returns the opset of nodes whose function has another than
/// the file, by the node's first output. Throws Error for calls without end or more than 2^20
/// nodes.
std::map<std::string, std::int64_t> inline_functions(onnx::ModelProto& model);

/// Calls visit(graph) for the graph and those inside of its nodes, outer ones first.
void for_each_graph(const onnx::GraphProto& graph,
                    const std::function<void(const onnx::GraphProto&)>& visit);

}  // namespace tessera::importer
