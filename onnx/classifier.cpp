#include "onnx/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

bool fits(const Shape& declared, const Shape& found) {
  if (declared.size() != found.size()) return false;
  for (std::size_t i = 1; i < found.size(); ++i)  // batches may have any size
    if (declared[i] >= 0 && declared[i] != found[i]) return false;
  return true;
}

/// Whether the declared images have their channels last.
bool has_channels_last(const Shape& declared, std::int64_t channels) {
  return declared.size() == 4 && declared[3] == channels && declared[1] != channels;
}

/// Returns images [N,H,W,C] in the order and shape that the file declares.
Tensor as_declared(Var x, const Shape& declared) {
  const Tensor image{x, channels_last(4)};
  if (has_channels_last(declared, x.shape()[3])) return plain(x);
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
  if (element_count({shape.begin() + 1, shape.end()}) != all) return image;  // refused later
  return reshaped(image, shape);
}

/// An import of a model whose only input is images [N,H,W,C].
Importer begin_images(Var x, const File& file, const std::vector<OnnxNet::Tensor>& declared) {
  check_one_input(declared, file.path());
  return begin_import(x.graph(), file, declared, {as_declared(x, declared[0].shape)});
}

/// Returns [N,features] of a tensor with one row per image, in any dimensions; nothing of other
/// tensors. A Squeeze may have removed the batch of a single image.
std::optional<Var> rows_of(const Tensor& x, std::int64_t batch) {
  const Shape shape = shape_of(x);
  const bool has_batch = !shape.empty() && shape[0] == batch;
  if (!has_batch && batch != 1) return {};
  const std::int64_t count = element_count(shape) / std::max<std::int64_t>(1, batch);
  const auto wide = std::count_if(shape.begin() + (has_batch ? 1 : 0), shape.end(),
                                  [](std::int64_t size) { return size != 1; });
  if (wide > 1) return {};
  return plain_var(reshaped(x, {batch, count}));
}

/// Imports the nodes after the activation. Logits skip the activation and the nodes that work on
/// probabilities.
Tensor import_logits(Importer& net, const Ending& ending, std::int64_t batch) {
  const std::string& output = net.file().graph().output(0).name();
  net.import_missing({ending.logits});
  const Tensor logits = net.tensor(ending.logits);
  if (ending.kind == Ending::Kind::none) return logits;
  if (ending.kind == Ending::Kind::softmax && !is_over_classes(ending, shape_of(logits), batch)) {
    if (is_over_batch(ending, rank_of(logits)))
      throw Error("onnx", fmt::format("'{}' ends with a softmax over the batch, expected one over "
                                      "the classes",
                                      net.file().path()));
    net.import_missing({output});
    return net.tensor(output);
  }
  net.set(ending.activation->output(0), logits);
  for (const onnx::NodeProto* node : ending.behind) {
    if (is_for_probabilities(*node)) {
      net.set(node->output(0), net.at(node->input(0)));
      continue;
    }
    net.import_missing({node->input().begin() + 1, node->input().end()});
    net.import_node(*node);
  }
  return net.tensor(output);
}

/// Returns the result of `import`; an Error explains if the batch size differs from a fixed one.
template <typename Import>
Tensor of_any_batch(const Importer& net, const Import& import) {
  const auto [fixed, size] = net.batch();
  try {
    return import();
  } catch (const Error& error) {
    if (fixed < 1 || fixed == size) throw;
    throw Error(
        fmt::format("{}; the file is made for batches of {}, found {}; export it with a dynamic "
                    "batch size (dynamic_axes of torch.onnx.export)",
                    error.what(), fixed, size));
  }
}

}  // namespace

void check_one_input(const std::vector<OnnxNet::Tensor>& declared, const std::string& path) {
  if (declared.size() != 1)
    throw Error("onnx", fmt::format("'{}' has {} inputs, expected one input of images, since "
                                    "Tessera trains and runs image classifiers",
                                    path, declared.size()));
}

Importer begin_import(Graph& graph, const File& file, const std::vector<OnnxNet::Tensor>& declared,
                      const std::vector<Tensor>& inputs) {
  if (inputs.size() != declared.size())
    throw Error("onnx", fmt::format("'{}' has {} inputs, found {}", file.path(), declared.size(),
                                    inputs.size()));
  BatchSize batch{-1, -1};
  if (!inputs.empty() && rank_of(inputs[0]) > 0 && !declared[0].shape.empty())
    batch = {declared[0].shape[0], shape_of(inputs[0])[0]};
  Importer net(file, graph, batch);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape found = shape_of(inputs[i]);
    if (!fits(declared[i].shape, found))
      throw Error("onnx", fmt::format("input '{}' is {}, expected {} (-1: any) as in '{}'",
                                      declared[i].name, to_string(found),
                                      to_string(declared[i].shape), file.path()));
    net.set(declared[i].name, inputs[i]);
  }
  return net;
}

Logits logits_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared) {
  const std::int64_t batch = images.shape().at(0);
  const Ending ending = ending_of(file);
  Importer net = begin_images(images, file, declared);
  const Tensor found = of_any_batch(net, [&] { return import_logits(net, ending, batch); });
  const std::optional<Var> logits = rows_of(found, batch);
  if (!logits)
    throw Error("onnx", fmt::format("'{}' returns {} for a batch of {}, expected [N,classes], "
                                    "since Tessera trains and runs image classifiers",
                                    file.path(), to_string(shape_of(found)), batch));
  return {*logits, ending.kind == Ending::Kind::sigmoid && logits->shape()[1] == 1};
}

Var features_of(Var images, const File& file, const std::vector<OnnxNet::Tensor>& declared) {
  const std::int64_t batch = images.shape().at(0);
  const auto ending = ending_of(file);
  const onnx::NodeProto& head = head_of(file, ending);
  Importer net = begin_images(images, file, declared);
  const Tensor found = of_any_batch(net, [&] {
    net.import_missing({head.input(0)});
    return net.tensor(head.input(0));
  });
  if (const std::optional<Var> features = rows_of(found, batch)) return *features;
  throw Error(
      "onnx",
      fmt::format("the last layer of '{}' reads {}, expected [N,features] to replace the layer",
                  file.path(), to_string(shape_of(found))));
}

}  // namespace tessera::importer
