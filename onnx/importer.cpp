#include "onnx/importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <span>
#include <utility>

#include "onnx/call.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

template <typename Number>
std::vector<std::byte> bytes_of(const std::vector<Number>& numbers) {
  const auto bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

/// Returns filters [K,C,R,S] or [K,C,S] with the channels last.
std::vector<float> channels_moved(const std::vector<float>& w, const Shape& shape) {
  const auto K = static_cast<std::size_t>(shape[0]), C = static_cast<std::size_t>(shape[1]);
  const std::size_t window = w.size() / std::max<std::size_t>(1, K * C);
  std::vector<float> moved(w.size());
  for (std::size_t k = 0; k < K; ++k)
    for (std::size_t c = 0; c < C; ++c)
      for (std::size_t i = 0; i < window; ++i)
        moved[(k * window + i) * C + c] = w[(k * C + c) * window + i];
  return moved;
}

std::vector<float> floats_of(const std::vector<double>& numbers) {
  return {numbers.begin(), numbers.end()};
}

/// Indices that do not fit in i32 are outside of every axis.
std::vector<std::int32_t> indices_of(const std::vector<double>& numbers) {
  std::vector<std::int32_t> values;
  for (double number : numbers)
    values.push_back(std::abs(number) < 0x1p31 ? static_cast<std::int32_t>(number) : -1);
  return values;
}

bool is_one_number(const Constant& constant) {
  const auto& numbers = constant.numbers;
  return !numbers.empty() && std::all_of(numbers.begin(), numbers.end(),
                                         [&](double number) { return number == numbers[0]; });
}

/// Scalars and integers are not weights.
bool is_weight(const onnx::TensorProto& tensor) {
  return tensor.dims_size() > 0 && (tensor.data_type() == onnx::TensorProto::FLOAT ||
                                    tensor.data_type() == onnx::TensorProto::FLOAT16 ||
                                    tensor.data_type() == onnx::TensorProto::BFLOAT16 ||
                                    tensor.data_type() == onnx::TensorProto::DOUBLE);
}

void check_size(const Argument& argument) {
  if (const Tensor* tensor = std::get_if<Tensor>(&argument))
    check_shape("a result", tensor->var.shape());
  if (const Constant* constant = std::get_if<Constant>(&argument)) {
    check_shape("a result", constant->shape);
    if (element_count(constant->shape) != std::ssize(constant->numbers))
      throw Error("onnx", fmt::format("shape is {}, found {} elements", to_string(constant->shape),
                                      constant->numbers.size()));
  }
}

}  // namespace

void Importer::set(const std::string& name, Argument argument) {
  check_size(argument);
  arguments_.insert_or_assign(name, std::move(argument));
}

void Importer::import_missing(const std::vector<std::string>& values) {
  for (const onnx::NodeProto* node : file_.nodes_for(values))
    if (std::none_of(node->output().begin(), node->output().end(),
                     [&](const std::string& output) { return arguments_.contains(output); }))
      import_node(*node);
}

const Argument& Importer::at(const std::string& name) const {
  const auto found = arguments_.find(name);
  if (found != arguments_.end()) return found->second;
  if (const onnx::NodeProto* node = file_.producer(name)) {
    const auto output = std::find(node->output().begin(), node->output().end(), name);
    throw Error(
        "onnx",
        fmt::format(
            "output {} of {} (node '{}') is not supported, or is used before it is computed",
            output - node->output().begin(), node->op_type(), name_of(*node)));
  }
  throw Error("onnx", fmt::format("there is no value '{}'", name));
}

void Importer::take(const std::string& name) {
  const onnx::TensorProto* tensor = file_.initializer(name);
  if (!tensor || arguments_.contains(name)) return;
  if (is_weight(*tensor))
    set(name, tensor);
  else
    set(name, constant_of(*tensor, file_.folder()));
}

std::vector<Argument> Importer::import_graph(const onnx::GraphProto& graph) {
  std::vector<std::string> outputs;
  for (const onnx::ValueInfoProto& output : graph.output()) outputs.push_back(output.name());
  for (const onnx::NodeProto* node : nodes_for(graph, outputs)) import_node(*node);
  std::vector<Argument> results;
  for (const std::string& output : outputs) {
    take(output);
    results.push_back(at(output));
  }
  return results;
}

void Importer::import_node(const onnx::NodeProto& node) {
  for (const std::string& input : node.input()) take(input);
  Call call(*this, node);
  const auto refused = [&](const char* why) {
    return Error(
        fmt::format("{} ({} node '{}' of '{}')", why, node.op_type(), name_of(node), file_.path()));
  };
  try {
    std::vector<Argument> results = import_call(call);
    const auto count = std::min(results.size(), call.outputs());
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& name = node.output(static_cast<int>(i));
      if (name.empty()) continue;
      if (const auto* known = std::get_if<Constant>(&results[i]); known && call.inputs() > 0)
        budget_.keep(std::ssize(known->numbers));
      set(name, std::move(results[i]));
    }
  } catch (const Error& error) {
    throw refused(error.what());
  } catch (const std::bad_alloc&) {
    throw refused("[onnx] not enough memory");
  } catch (const std::exception&) {
    throw refused("[onnx] inputs, attributes, dimensions or elements do not fit");
  }
}

Tensor Importer::held(const onnx::TensorProto& weights, Role role) {
  const auto found = held_.find(weights.name());
  if (found != held_.end()) return found->second;
  const Shape shape = shape_of(weights);
  const bool moves = file_.is_filter(weights) && shape.size() > 2;
  const Axes axes = moves ? channels_last(shape.size()) : plain_axes(shape.size());
  // The file lives as long as the builders made from it.
  const Initializer values = init::given([&weights, &file = file_, moves, shape] {
    std::vector<float> floats = floats_of(weights, file.folder());
    return bytes_of(moves ? channels_moved(floats, shape) : floats);
  });
  const Shape memory = permuted(shape, axes);
  const Var var = role == Role::parameter
                      ? graph_.parameter(weights.name(), memory, values)
                      : graph_.state(weights.name(), {DType::f32, memory}, values);
  return held_.emplace(weights.name(), Tensor{var, axes}).first->second;
}

Tensor Importer::held(const std::string& name, const Constant& constant, DType dtype) {
  if (dtype == DType::f32 && is_one_number(constant))
    return plain(graph_.constant(constant.shape, constant.numbers[0]));
  const std::string own = dtype == DType::i32 ? name + ".indices" : name;
  const auto found = held_.find(own);
  if (found != held_.end()) return found->second;
  const Initializer values = init::given([numbers = constant.numbers, dtype] {
    return dtype == DType::i32 ? bytes_of(indices_of(numbers)) : bytes_of(floats_of(numbers));
  });
  const Var var = graph_.state(own, {dtype, constant.shape}, values);
  return held_.emplace(own, plain(var)).first->second;
}

Tensor Importer::tensor(const std::string& name) {
  const Argument argument = at(name);
  if (const Tensor* tensor = std::get_if<Tensor>(&argument)) {
    const bool numbers = tensor->var.spec().dtype == DType::f32;
    return numbers ? *tensor : Tensor{tessera::cast(tensor->var, DType::f32), tensor->axes};
  }
  if (const Constant* constant = std::get_if<Constant>(&argument))
    return held(name, *constant, DType::f32);
  const onnx::TensorProto& weights = *std::get<const onnx::TensorProto*>(argument);
  return held(weights, file_.is_preparation(weights) ? Role::state : Role::parameter);
}

Var Importer::statistics(const std::string& name) {
  const Argument argument = at(name);
  if (const auto* weights = std::get_if<const onnx::TensorProto*>(&argument))
    return held(**weights, Role::state).var;
  return plain_var(tensor(name));
}

Tensor Importer::indices(const std::string& name) {
  const Argument argument = at(name);
  if (const Constant* constant = std::get_if<Constant>(&argument))
    return held(name, *constant, DType::i32);
  if (const Tensor* tensor = std::get_if<Tensor>(&argument))
    return {tessera::cast(tensor->var, DType::i32), tensor->axes};
  throw Error("onnx", fmt::format("'{}' has weights, expected indices", name));
}

Constant Importer::constant(const std::string& name) const {
  const Argument& argument = at(name);
  if (const Constant* constant = std::get_if<Constant>(&argument)) {
    budget_.compute(std::ssize(constant->numbers));
    return *constant;
  }
  if (const auto* weights = std::get_if<const onnx::TensorProto*>(&argument))
    return constant_of(**weights, file_.folder());
  throw Error(
      "onnx",
      fmt::format(
          "'{}' depends on the model's input, expected a value that is known before the model runs",
          name));
}

bool Importer::is_constant(const std::string& name) const {
  return std::holds_alternative<Constant>(at(name));
}

}  // namespace tessera::importer
