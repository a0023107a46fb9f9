// Models from ONNX files: the public functions.
#include <fmt/format.h>

#include <algorithm>

#include "onnx/classifier.h"
#include "onnx/metadata.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/onnx.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using importer::File;

std::string type_of(const onnx::ValueInfoProto& value) {
  const int type = value.type().tensor_type().elem_type();
  if (!onnx::TensorProto::DataType_IsValid(type)) return "undefined";
  std::string name =
      onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(type));
  for (char& letter : name)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return name;
}

OnnxNet::Tensor tensor_of(const onnx::ValueInfoProto& value) {
  OnnxNet::Tensor tensor{value.name(), {}, type_of(value)};
  for (const auto& dimension : value.type().tensor_type().shape().dim())
    tensor.shape.push_back(
        dimension.has_dim_value() && dimension.dim_value() > 0 ? dimension.dim_value() : -1);
  return tensor;
}

/// Whether the file declares that the first output is one number per image.
bool is_single(const File& file) {
  const Shape shape = tensor_of(file.graph().output(0)).shape;
  if (shape.size() < 2) return shape.empty() || shape[0] <= 1;
  return std::all_of(shape.begin() + 1, shape.end(), [](std::int64_t size) { return size == 1; });
}

std::string missing(std::int64_t size) { return size > 0 ? std::to_string(size) : "?"; }

/// Fills in values of the file that the caller leaves open.
void complete(ImageOptions& options, const ImageOptions& from_file) {
  if (options.padding == 0) options.padding = from_file.padding;
  if (!options.mean.empty() || !options.deviation.empty()) return;
  options.mean = from_file.mean;
  options.deviation = from_file.deviation;
}

void complete(ImageInput& input, const Shape& declared) {
  if (declared.size() != 4) return;
  const bool last = (declared[3] == 1 || declared[3] == 3) && declared[1] != 1 && declared[1] != 3;
  const importer::Axes places = last ? importer::Axes{1, 2, 3} : importer::Axes{2, 3, 1};
  std::int64_t* const sizes[] = {&input.height, &input.width, &input.channels};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t size = declared[static_cast<std::size_t>(places[i])];
    if (*sizes[i] == 0 && size > 0)
      *sizes[i] = std::max<std::int64_t>(0, size - (i < 2 ? 2 * input.options.padding : 0));
  }
}

/// Returns the known image size of a model; 0 where it is open.
ImageInput completed(const OnnxNet& net, const std::string& path, ImageInput input) {
  complete(input.options, image_options(net.metadata()));
  if (input.crop == Crop::none) input.crop = crop_of(net.metadata());
  importer::check_one_input(net.inputs(), path);
  complete(input, net.inputs()[0].shape);
  ImageOptions& options = input.options;
  const bool is_given = !options.mean.empty() || !options.deviation.empty();
  if (net.takes_bytes() && !is_given && input.channels > 0)
    options.deviation.assign(static_cast<std::size_t>(input.channels), 1.0 / 255);
  return input;
}

void check_known(const ImageInput& input, const std::string& path) {
  if (input.height < 1 || input.width < 1 || input.channels < 1)
    throw Error("onnx", fmt::format("'{}' does not fix the size of its images ({}x{}x{}), expected "
                                    "--size, or data with a size",
                                    path, missing(input.height), missing(input.width),
                                    missing(input.channels)));
}

Shape one_image(const ImageInput& input) {
  const std::int64_t padding = 2 * input.options.padding;
  return {1, input.height + padding, input.width + padding, input.channels};
}

/// Returns the number of logits per image.
std::int64_t count_logits(const OnnxNet& net, const ImageInput& input) {
  Graph graph;
  const Var images = graph.input("image", {DType::f32, one_image(input)});
  return net.append_classifier(images).spec().dim(-1);
}

/// Chooses color if the file leaves the channels open and color works, else gray.
std::int64_t channels_that_fit(const OnnxNet& net, ImageInput input) {
  input.channels = 3;
  try {
    count_logits(net, input);
  } catch (const Error&) {
    return 1;
  }
  return 3;
}

}  // namespace

OnnxNet::OnnxNet(const std::string& path) : file_(std::make_shared<const File>(path)) {
  for (const auto& input : file_->graph().input())
    if (!file_->initializer(input.name())) inputs_.push_back(tensor_of(input));
  for (const auto& output : file_->graph().output()) outputs_.push_back(tensor_of(output));
  metadata_ = file_->metadata();
}

std::vector<Var> OnnxNet::append(Graph& graph, const std::vector<Var>& inputs,
                                 const std::vector<std::string>& outputs) const {
  std::vector<importer::Tensor> tensors;
  for (const Var& input : inputs) tensors.push_back(importer::plain(input));
  std::vector<std::string> names = outputs;
  for (std::size_t i = 0; i < outputs_.size() && outputs.empty(); ++i)
    names.push_back(outputs_[i].name);
  importer::Importer net = importer::begin_import(graph, *file_, inputs_, tensors);
  net.import_missing(names);
  std::vector<Var> results;
  for (const std::string& name : names) results.push_back(importer::plain_var(net.tensor(name)));
  return results;
}

bool OnnxNet::takes_bytes() const {
  const std::string type = inputs_.size() == 1 ? inputs_[0].type : "float";
  if (type == "float" || type == "float16" || type == "double" || type == "bfloat16") return false;
  const bool is_int = type.starts_with("int") || type.starts_with("uint");
  if (is_int && type != "int8" && !type.ends_with("int4")) return true;
  throw Error("onnx", fmt::format("input '{}' of '{}' is {}, expected floats or bytes (uint8)",
                                  inputs_[0].name, file_->path(), type));
}

Var OnnxNet::append_classifier(Var x) const {
  const auto [logits, is_single] = importer::logits_of(x, *file_, inputs_);
  if (!is_single) return logits;
  // sigmoid(z) and 1 - sigmoid(z) are the softmax of z and 0.
  return concat({x.graph().constant(logits.shape(), 0), logits}, 1, "two_classes");
}

Var OnnxNet::append_classifier(Var x, std::int64_t classes) const {
  return layers::dense(importer::features_of(x, *file_, inputs_), "new_head", classes);
}

Loss OnnxNet::loss(const Shape& images) const {
  if (const std::optional<Loss> known = loss_of(metadata_)) return *known;
  if (importer::ending_of(*file_).kind != importer::Ending::Kind::sigmoid)
    return Loss::cross_entropy;
  if (images.empty()) return is_single(*file_) ? Loss::cross_entropy : Loss::bce;
  Graph graph;
  const Var x = graph.input("image", {DType::f32, images});
  return importer::logits_of(x, *file_, inputs_).is_single ? Loss::cross_entropy : Loss::bce;
}

ImageInput onnx_input(const std::string& path) { return completed(OnnxNet(path), path, {}); }

ImageModel onnx_model(const std::string& path, ImageInput input, std::vector<std::string> classes,
                      Head head) {
  const OnnxNet net(path);
  input = completed(net, path, std::move(input));
  if (input.channels < 1 && input.height > 0 && input.width > 0) {
    input.channels = channels_that_fit(net, input);
    input = completed(net, path, std::move(input));
  }
  check_known(input, path);
  ImageModel model{path, std::move(input), std::move(classes),
                   [net](Var x) { return net.append_classifier(x); }, net.loss(one_image(input))};
  const auto wanted = static_cast<std::int64_t>(model.classes.size());
  const std::int64_t count = count_logits(net, model.input);
  if (wanted > 0 && wanted != count && head == Head::fitted) {
    model.build = [net, wanted](Var images) { return net.append_classifier(images, wanted); };
    return model;
  }
  if (count == 1)
    throw Error("onnx",
                fmt::format("'{}' returns one number per image that is not a probability, expected "
                            "the logits of at least two classes, or a Sigmoid at the end",
                            path));
  if (wanted > 0) return model;
  model.classes = class_names(net.metadata());
  if (std::ssize(model.classes) == count) return model;
  model.classes.clear();
  for (std::int64_t i = 0; i < count; ++i) model.classes.push_back(std::to_string(i));
  return model;
}

std::vector<std::string> onnx_operators() {
  std::vector<std::string> names;
  for (const importer::Operator& row : importer::operators()) names.push_back(row.name);
  return names;
}

}  // namespace tessera
