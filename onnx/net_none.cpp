// Replaces net.cpp in a build without protobuf or ONNX's schema.
#include "tessera/error.h"
#include "tessera/onnx.h"

namespace tessera {
namespace importer {
class File {};
}  // namespace importer

namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw Error("onnx",
              "cannot read or write '" + path +
                  "': this build has no ONNX support, which needs protobuf and libonnx-dev");
}

}  // namespace

OnnxNet::OnnxNet(const std::string& path) { refuse(path); }

std::vector<Var> OnnxNet::append(Graph&, const std::vector<Var>&,
                                 const std::vector<std::string>&) const {
  return {};
}

bool OnnxNet::takes_bytes() const { return false; }
Var OnnxNet::append_classifier(Var x) const { return x; }
Var OnnxNet::append_classifier(Var x, std::int64_t) const { return x; }
Loss OnnxNet::loss(const Shape&) const { return Loss::cross_entropy; }

ImageInput onnx_input(const std::string& path) { refuse(path); }

ImageModel onnx_model(const std::string& path, ImageInput, std::vector<std::string>, Head) {
  refuse(path);
}

void write_onnx(const std::string& path, const ImageClassifier&, const OnnxOptions&) {
  refuse(path);
}

void write_onnx(const std::string& path, const NetBuilder&, const Params&, const OnnxOptions&) {
  refuse(path);
}

std::vector<std::string> onnx_operators() { return {}; }

}  // namespace tessera
