// Nets from ONNX files: what users call.
#include <fmt/format.h>

#include <algorithm>

#include "onnx/importer.h"
#include "onnx/metadata.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/onnx.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using importer::File;

OnnxNet::Tensor tensor_of(const onnx::ValueInfoProto& value) {
  OnnxNet::Tensor tensor{value.name(), {}};
  for (const auto& dimension : value.type().tensor_type().shape().dim())
    tensor.shape.push_back(
        dimension.has_dim_value() && dimension.dim_value() > 0 ? dimension.dim_value() : -1);
  return tensor;
}

/// A node at the end that makes probabilities of logits, or nothing.
const onnx::NodeProto* final_activation(const File& file) {
  const onnx::NodeProto* last = file.producer(file.graph().output(0).name());
  if (!last || last->input_size() == 0) return nullptr;
  const std::string& op = last->op_type();
  return op == "Softmax" || op == "LogSoftmax" || op == "Sigmoid" ? last : nullptr;
}

/// The first output, or what a softmax or sigmoid makes it of.
std::string logits_of(const File& file) {
  const onnx::NodeProto* activation = final_activation(file);
  return activation ? activation->input(0) : file.graph().output(0).name();
}

bool ends_with_sigmoid(const File& file) {
  const onnx::NodeProto* activation = final_activation(file);
  return activation && activation->op_type() == "Sigmoid";
}

/// Whether the file says that one sigmoid is all it gives: the share of the second of two classes.
bool is_binary(const File& file) {
  const Shape shape = tensor_of(file.graph().output(0)).shape;
  return ends_with_sigmoid(file) && shape.size() > 1 &&
         std::all_of(shape.begin() + 1, shape.end(), [](std::int64_t size) { return size == 1; });
}

/// The layer that gives the logits: a Gemm, or a MatMul whose bias may be added after it.
const onnx::NodeProto& head_of(const File& file) {
  const auto is_layer = [](const onnx::NodeProto* node) {
    return node && node->input_size() > 1 &&
           (node->op_type() == "Gemm" || node->op_type() == "MatMul");
  };
  const onnx::NodeProto* last = file.producer(logits_of(file));
  if (is_layer(last)) return *last;
  if (last && last->op_type() == "Add")
    for (const std::string& input : last->input())
      if (const onnx::NodeProto* node = file.producer(input); is_layer(node)) return *node;
  throw Error("onnx", fmt::format("the logits of '{}' come from {}, expected Gemm or MatMul to put "
                                  "a new layer in its place",
                                  file.path(), last ? last->op_type() : "no node"));
}

using importer::Axes;
using Imported = importer::Tensor;

bool fits(const Shape& declared, const Shape& found) {
  if (declared.size() != found.size()) return false;
  for (std::size_t i = 1; i < found.size(); ++i)  // batches may have any size
    if (declared[i] >= 0 && declared[i] != found[i]) return false;
  return true;
}

std::vector<Imported> append_to(Graph& graph, const File& file,
                                const std::vector<OnnxNet::Tensor>& declared,
                                const std::vector<Imported>& inputs,
                                const std::vector<std::string>& outputs) {
  if (inputs.size() != declared.size())
    throw Error("onnx", fmt::format("'{}' has {} inputs, found {}", file.path(), declared.size(),
                                    inputs.size()));
  importer::BatchSize batch{-1, -1};
  if (!inputs.empty() && importer::rank_of(inputs[0]) > 0 && !declared[0].shape.empty())
    batch = {declared[0].shape[0], importer::shape_of(inputs[0])[0]};
  importer::Importer net(file, graph, batch);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape found = importer::shape_of(inputs[i]);
    if (!fits(declared[i].shape, found))
      throw Error("onnx", fmt::format("input '{}' is {}, expected {} (-1: any) as in '{}'",
                                      declared[i].name, to_string(found),
                                      to_string(declared[i].shape), file.path()));
    net.set(declared[i].name, inputs[i]);
  }
  for (const onnx::NodeProto* node : file.nodes_for(outputs)) net.import_node(*node);
  std::vector<Imported> results;
  for (const std::string& output : outputs) results.push_back(net.tensor(output));
  return results;
}

/// Whether images declared like this have their channels last.
bool has_channels_last(const Shape& declared, std::int64_t channels) {
  return declared.size() == 4 && declared[3] == channels && declared[1] != channels;
}

/// Images [N,H,W,C] in the order and shape that the file declares.
Imported as_declared(Var x, const Shape& declared) {
  const Imported image{x, importer::channels_last(4)};
  if (has_channels_last(declared, x.shape()[3])) return importer::plain(x);
  if (declared.size() == 4) return image;
  Shape shape = declared;
  if (shape.empty()) throw Error("onnx", "the input is a scalar, expected images");
  shape[0] = x.shape()[0];
  const auto open = std::find(shape.begin() + 1, shape.end(), -1);
  const std::int64_t all = element_count({x.shape().begin() + 1, x.shape().end()});
  if (open != shape.end()) {
    *open = 1;
    *open = all / std::max<std::int64_t>(1, element_count({shape.begin() + 1, shape.end()}));
  }
  if (element_count({shape.begin() + 1, shape.end()}) != all) return image;  // refused as it is
  return importer::reshaped(image, shape);
}

/// The output of a net whose one input takes images [N,H,W,C].
Imported append_to_images(Var x, const File& file, const std::vector<OnnxNet::Tensor>& declared,
                          const std::string& output) {
  if (declared.size() != 1)
    throw Error("onnx", fmt::format("'{}' has {} inputs, expected one, of images", file.path(),
                                    declared.size()));
  return append_to(x.graph(), file, declared, {as_declared(x, declared[0].shape)}, {output})[0];
}

std::string missing(std::int64_t size) { return size > 0 ? std::to_string(size) : "?"; }

/// What the caller leaves open is the file's.
void complete(ImageOptions& options, const ImageOptions& from_file) {
  if (options.padding == 0) options.padding = from_file.padding;
  if (!options.mean.empty() || !options.deviation.empty()) return;
  options.mean = from_file.mean;
  options.deviation = from_file.deviation;
}

void complete(ImageInput& input, const Shape& declared, const std::string& path) {
  const bool last = declared.size() == 4 && (declared[3] == 1 || declared[3] == 3) &&
                    declared[1] != 1 && declared[1] != 3;
  const Axes places = last ? Axes{1, 2, 3} : Axes{2, 3, 1};
  std::int64_t* const sizes[] = {&input.height, &input.width, &input.channels};
  for (std::size_t i = 0; i < 3; ++i)
    if (*sizes[i] == 0 && declared.size() == 4)
      *sizes[i] =
          declared[static_cast<std::size_t>(places[i])] - (i < 2 ? 2 * input.options.padding : 0);
  if (input.height < 1 || input.width < 1 || input.channels < 1)
    throw Error("onnx",
                fmt::format("'{}' takes images of {}x{}x{}, expected a size or data of one", path,
                            missing(input.height), missing(input.width), missing(input.channels)));
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
  std::vector<Imported> tensors;
  for (const Var& input : inputs) tensors.push_back(importer::plain(input));
  std::vector<std::string> names = outputs;
  for (std::size_t i = 0; i < outputs_.size() && outputs.empty(); ++i)
    names.push_back(outputs_[i].name);
  std::vector<Var> results;
  for (const Imported& result : append_to(graph, *file_, inputs_, tensors, names))
    results.push_back(importer::plain_var(result));
  return results;
}

Var OnnxNet::append_classifier(Var x) const {
  const Imported logits = append_to_images(x, *file_, inputs_, logits_of(*file_));
  const Shape shape = importer::shape_of(logits);
  const bool pixel = shape.size() > 2 && element_count(shape) == shape[0] * shape[1];
  const Var found =
      importer::plain_var(pixel ? importer::reshaped(logits, {shape[0], shape[1]}) : logits);
  if (!is_binary(*file_) || found.shape() != Shape{shape[0], 1}) return found;
  // sigmoid(z) and 1 - sigmoid(z) are the softmax of z and 0.
  return concat({x.graph().constant(found.shape(), 0), found}, 1, "two_classes");
}

Var OnnxNet::append_classifier(Var x, std::int64_t classes) const {
  const Var features =
      importer::plain_var(append_to_images(x, *file_, inputs_, head_of(*file_).input(0)));
  if (features.spec().rank() != 2)
    throw Error("onnx", fmt::format("the last layer of '{}' takes {}, expected [N,features] to put "
                                    "a new layer in its place",
                                    file_->path(), to_string(features.spec())));
  return layers::dense(features, "new_head", classes);
}

Loss OnnxNet::loss() const {
  const bool of_each = ends_with_sigmoid(*file_) && !is_binary(*file_);
  return loss_of(metadata_).value_or(of_each ? Loss::bce : Loss::cross_entropy);
}

Model onnx_model(const std::string& path, ImageInput input, std::vector<std::string> classes,
                 Head head) {
  const OnnxNet net(path);
  complete(input.options, image_options(net.metadata()));
  if (input.crop == Crop::none) input.crop = crop_of(net.metadata());
  if (net.inputs().size() == 1) complete(input, net.inputs()[0].shape, path);
  Model model{path, std::move(input), std::move(classes),
              [net](Var x) { return net.append_classifier(x); }, net.loss()};
  const auto wanted = static_cast<std::int64_t>(model.classes.size());
  if (wanted > 0 && head == Head::kept) return model;
  Graph graph;
  const ImageInput& image = model.input;
  const std::int64_t padding = 2 * image.options.padding;
  const Shape one = {1, image.height + padding, image.width + padding, image.channels};
  const Var logits = model.build(graph.input("image", {DType::f32, one}));
  const std::int64_t count = logits.spec().dim(-1);
  if (wanted > 0 && wanted != count)
    model.build = [net, wanted](Var images) { return net.append_classifier(images, wanted); };
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
