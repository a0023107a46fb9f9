#include "onnx/export/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tessera/error.h"

namespace tessera::exporter {
namespace {

using onnx::TensorProto;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

void set_attribute(onnx::NodeProto& node, const std::string& name, const Attribute& value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(*real));
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(*text);
  } else {
    attribute.set_type(onnx::AttributeProto::INTS);
    for (std::int64_t i : std::get<Integers>(value)) attribute.add_ints(i);
  }
}

template <typename Number>
void set_data(TensorProto& tensor, const std::vector<Number>& values) {
  tensor.set_raw_data(values.data(), values.size() * sizeof(Number));
}

template <typename Number>
std::vector<Number> numbers_of(const std::vector<std::byte>& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

/// Returns the elements of a tensor of this shape with permuted dimensions.
template <typename Number>
std::vector<Number> moved(const std::vector<Number>& values, const Shape& shape, const Axes& axes) {
  if (std::is_sorted(axes.begin(), axes.end())) return values;
  Shape steps(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) steps[i - 1] = steps[i] * shape[i];
  const Shape to = importer::permuted(shape, axes), step = importer::permuted(steps, axes);
  Shape place(shape.size(), 0);
  std::vector<Number> result;
  result.reserve(values.size());
  for (std::int64_t from = 0; result.size() < values.size();) {
    result.push_back(values[index(from)]);
    for (std::size_t i = to.size(); i-- > 0;) {
      from += step[i];
      if (++place[i] < to[i]) break;
      from -= to[i] * step[i];
      place[i] = 0;
    }
  }
  return result;
}

/// Axes for a tensor with leading dimensions of size 1.
Axes with_leading(const Axes& axes, std::size_t added) {
  Axes all = importer::plain_axes(added);
  for (std::int64_t axis : axes) all.push_back(axis + static_cast<std::int64_t>(added));
  return all;
}

Shape with_leading_ones(const Shape& shape, std::size_t rank) {
  Shape all(rank - shape.size(), 1);
  all.insert(all.end(), shape.begin(), shape.end());
  return all;
}

/// Declares inputs and outputs.
Axes image_axes(std::size_t rank) {
  return rank == 4 ? importer::channels_first(4) : importer::plain_axes(rank);
}

int type_of(DType dtype) {
  return dtype == DType::f32   ? TensorProto::FLOAT
         : dtype == DType::i32 ? TensorProto::INT32
                               : TensorProto::UINT8;
}

}  // namespace

Writer::Writer(const Net& net) : net_(net) {
  file_.set_name("tessera");
  for (const Value& value : graph().values())
    if (value.role != Role::activation) names_.insert(value.name);
  for (const Graph::Output& output : graph().outputs()) names_.insert(output.name);
  for (std::size_t i = 0; i < graph().values().size(); ++i)
    if (graph().values()[i].role == Role::input) add_input(static_cast<ValueId>(i));
}

void Writer::describe(onnx::ValueInfoProto& info, const std::string& name, ValueId value,
                      const Axes& axes) const {
  info.set_name(name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(type_of(graph().value(value).spec.dtype));
  for (std::int64_t size : open_shape(value, axes)) {
    auto& dimension = *type.mutable_shape()->add_dim();
    size < 0 ? dimension.set_dim_param("N") : dimension.set_dim_value(size);
  }
}

void Writer::add_input(ValueId value) {
  const std::string& name = graph().value(value).name;
  const Axes axes = image_axes(shape(value).size());
  describe(*file_.add_input(), name, value, axes);
  const Integers open = open_shape(value, axes);
  if (!open.empty() && open[0] < 0 && batch_input_.empty()) batch_input_ = name;
  set(value, {name, axes});
}

bool Writer::depends_on_batch(const Node& node) const {
  const auto number = static_cast<std::size_t>(&node - graph().nodes().data());
  const auto& here = node.attributes.all();
  const auto& there = net_.other.nodes()[number].attributes.all();
  return here != there;
}

bool Writer::is_held(ValueId value) const {
  const Role role = graph().value(value).role;
  return role == Role::parameter || role == Role::state || role == Role::constant ||
         made_.contains(value);
}

std::vector<float> Writer::floats(ValueId value) const {
  if (const auto found = made_.find(value); found != made_.end()) return found->second.floats;
  const Value& held = graph().value(value);
  if (held.role == Role::constant)
    return std::vector<float>(index(held.spec.elements()),
                              static_cast<float>(held.initializer.value));
  const bool averaged = net_.weights == Weights::averaged && held.role == Role::parameter;
  return net_.params.read_floats(averaged ? average_of(net_.params, held.name) : held.name);
}

void Writer::hold(ValueId value, const std::string& name, std::vector<float> floats) {
  made_[value] = {name, std::move(floats)};
}

const std::string& Writer::held_name(ValueId value) const {
  const auto found = made_.find(value);
  return found == made_.end() ? graph().value(value).name : found->second.name;
}

Tensor Writer::tensor(ValueId value) {
  if (const auto found = tensors_.find(value); found != tensors_.end()) return found->second;
  if (is_held(value)) {
    const Axes axes = importer::plain_axes(shape(value).size());
    return {add_weights(value, shape(value), axes), axes};
  }
  throw Error("onnx", fmt::format("'{}' is not in the file", graph().value(value).name));
}

std::string Writer::add_weights(ValueId value, const Shape& shape, const Axes& axes) {
  const auto key = std::make_pair(value, axes);
  if (const auto found = weights_.find(key); found != weights_.end()) return found->second;
  const Value& held = graph().value(value);
  const bool constant = held.role == Role::constant;
  if (constant && held.spec.elements() != 1) {
    const Integers open = open_shape(value, axes);
    if (std::count(open.begin(), open.end(), -1) > 0) {
      const std::string one =
          add_floats("constant", {}, {static_cast<float>(held.initializer.value)});
      return add("Expand", {one, whole_shape(open, importer::permuted(shape, axes), "constant")},
                 {}, "constant");
    }
  }
  // The first use of a parameter gets its name.
  const std::string own = constant ? "constant" : held_name(value);
  const bool reserved = names_.contains(own) && written_.insert(own).second;
  TensorProto& tensor = *file_.add_initializer();
  tensor.set_name(reserved ? own : unique(own));
  for (std::int64_t size : importer::permuted(shape, axes)) tensor.add_dims(size);
  if (held.spec.dtype == DType::i32 && !made_.contains(value)) {
    tensor.set_data_type(TensorProto::INT32);
    set_data(tensor, moved(numbers_of<std::int32_t>(net_.params.read(held.name)), shape, axes));
  } else {
    tensor.set_data_type(TensorProto::FLOAT);
    set_data(tensor, moved(floats(value), shape, axes));
  }
  return weights_[key] = tensor.name();
}

std::string Writer::in_order(ValueId value, const Axes& axes) {
  if (is_held(value) && !tensors_.contains(value)) return add_weights(value, shape(value), axes);
  const Tensor now = tensor(value);
  if (now.axes == axes) return now.name;
  const auto key = std::make_pair(now.name, axes);
  if (const auto found = ordered_.find(key); found != ordered_.end()) return found->second;
  const Shape stored = importer::permuted(shape(value), now.axes);
  const auto [moves, moved] = importer::reordering(now.axes, axes, stored);
  return ordered_[key] =
             moved ? add("Transpose", {now.name}, {{"perm", moves}}, now.name + ".transposed")
                   : add("Reshape",
                         {now.name, add_integers(now.name + ".shape", open_shape(value, axes))}, {},
                         now.name + ".reshaped");
}

std::string Writer::in_order(ValueId value, std::size_t rank, const Axes& axes) {
  const std::size_t own = shape(value).size(), added = rank - own;
  if (added == 0) return in_order(value, axes);
  const bool plain = std::is_sorted(axes.begin(), axes.end());
  const Axes own_axes = importer::plain_axes(own);
  if (plain || own == 0) return in_order(value, own_axes);  // they broadcast unchanged
  if (is_held(value)) return add_weights(value, with_leading_ones(shape(value), rank), axes);
  const Tensor now = tensor(value);
  const Shape stored =
      importer::permuted(with_leading_ones(shape(value), rank), with_leading(now.axes, added));
  const std::string wide =
      add("Unsqueeze", {now.name, add_integers(now.name + ".axes", importer::plain_axes(added))},
          {}, now.name + ".unsqueezed");
  const auto moves = importer::reordering(with_leading(now.axes, added), axes, stored).moves;
  return add("Transpose", {wide}, {{"perm", moves}}, now.name + ".transposed");
}

Integers Writer::open_shape(ValueId value, const Axes& axes) const {
  const Shape here = importer::permuted(shape(value), axes);
  const Shape there = importer::permuted(net_.other.value(value).spec.shape, axes);
  Integers open;
  for (std::size_t i = 0; i < here.size(); ++i) open.push_back(here[i] == there[i] ? here[i] : -1);
  return open;
}

std::string Writer::batch_size() {
  if (!batch_.empty()) return batch_;
  if (batch_input_.empty()) throw Error("onnx", "no input has the batch size");
  const std::string shape = add("Shape", {batch_input_}, {}, "batch.shape");
  return batch_ =
             add("Slice", {shape, add_integers("batch.start", {0}), add_integers("batch.end", {1})},
                 {}, "batch");
}

std::string Writer::whole_shape(const Integers& open, const Shape& sizes, const std::string& name) {
  if (std::count(open.begin(), open.end(), -1) == 0) return add_integers(name + ".shape", open);
  const std::string batch = batch_size();
  const std::int64_t size_here = shape(graph().find(batch_input_))[0];
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < open.size(); ++i) {
    std::string part = open[i] < 0 ? batch : add_integers(name + ".size", {open[i]});
    if (open[i] < 0 && sizes[i] != size_here)
      part = add("Mul", {part, add_integers(name + ".times", {sizes[i] / size_here})}, {},
                 name + ".size");
    parts.push_back(part);
  }
  return add("Concat", parts, {{"axis", std::int64_t{0}}}, name + ".shape");
}

std::string Writer::unique(const std::string& name) {
  std::string free = name;
  for (int i = 1; !names_.insert(free).second; ++i) free = fmt::format("{}.{}", name, i);
  return free;
}

std::string Writer::add(const std::string& op, const std::vector<std::string>& inputs,
                        const NamedAttributes& attributes, const std::string& name) {
  onnx::NodeProto& node = *file_.add_node();
  node.set_op_type(op);
  node.set_name(unique(name));
  node.add_output(node.name());
  for (const std::string& input : inputs) node.add_input(input);
  for (const auto& [attribute, value] : attributes) set_attribute(node, attribute, value);
  return node.name();
}

std::string Writer::add_floats(const std::string& name, const Shape& shape,
                               const std::vector<float>& values) {
  TensorProto& tensor = *file_.add_initializer();
  tensor.set_name(unique(name));
  tensor.set_data_type(TensorProto::FLOAT);
  for (std::int64_t size : shape) tensor.add_dims(size);
  set_data(tensor, values);
  return tensor.name();
}

std::string Writer::add_integers(const std::string& name, const Integers& values) {
  TensorProto& tensor = *file_.add_initializer();
  tensor.set_name(unique(name));
  tensor.set_data_type(TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  set_data(tensor, values);
  return tensor.name();
}

void Writer::rename(std::string from, const std::string& to) {
  const auto is_output = [&](const onnx::NodeProto& node) { return node.output(0) == from; };
  if (std::none_of(file_.node().begin(), file_.node().end(), is_output))
    from = add("Identity", {from}, {}, to);
  for (onnx::NodeProto& node : *file_.mutable_node()) {
    for (std::string& input : *node.mutable_input())
      if (input == from) input = to;
    if (node.output(0) == from) node.set_output(0, to);
  }
}

onnx::GraphProto Writer::finish() {
  std::vector<std::string> names;
  for (const Graph::Output& output : graph().outputs()) {
    const Axes axes = image_axes(shape(output.value).size());
    const std::string name = in_order(output.value, axes);
    const bool twice = std::find(names.begin(), names.end(), name) != names.end();
    names.push_back(twice ? add("Identity", {name}, {}, output.name) : name);
    describe(*file_.add_output(), output.name, output.value, axes);
  }
  for (std::size_t i = 0; i < names.size(); ++i) rename(names[i], graph().outputs()[i].name);
  remove_unused();
  return std::move(file_);
}

void Writer::remove_unused() {
  std::set<std::string> used;
  for (const auto& output : file_.output()) used.insert(output.name());
  std::vector<onnx::NodeProto> nodes;
  for (int i = file_.node_size(); i-- > 0;) {
    onnx::NodeProto& node = *file_.mutable_node(i);
    if (!used.contains(node.output(0))) continue;
    used.insert(node.input().begin(), node.input().end());
    nodes.push_back(std::move(node));
  }
  file_.clear_node();
  for (std::size_t i = nodes.size(); i-- > 0;) *file_.add_node() = std::move(nodes[i]);
  auto& tensors = *file_.mutable_initializer();
  const auto unused = [&](const TensorProto& tensor) { return !used.contains(tensor.name()); };
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(), unused), tensors.end());
}

}  // namespace tessera::exporter
