// Stands in for the import where protobuf or ONNX's schema is missing at build time.
#include "tessera/error.h"
#include "tessera/onnx.h"

namespace tessera {
namespace importer {
class File {};
}  // namespace importer

namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw Error("onnx", "cannot read '" + path +
                          "': this build has no ONNX import, which needs protobuf and libonnx-dev");
}

}  // namespace

OnnxNet::OnnxNet(const std::string& path) { refuse(path); }

std::vector<Var> OnnxNet::append(Graph&, const std::vector<Var>&,
                                 const std::vector<std::string>&) const {
  return {};
}

Var OnnxNet::append_classifier(Var x) const { return x; }

Model onnx_model(const std::string& path, ImageInput, std::vector<std::string>) { refuse(path); }

std::vector<std::string> onnx_operators() { return {}; }

}  // namespace tessera
