#include "tessera/state_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera {
namespace {

/// The composition of the last dimension of a value.
struct Columns {
  enum class Kind : std::uint8_t {
    plain,      ///< the same as in PyTorch
    image,      ///< channels, which PyTorch has before the pixels
    flattened,  ///< pixels x channels, in PyTorch channels x pixels
    unknown,    ///< mixed
  } kind = Kind::plain;
  std::int64_t pixels = 1, channels = 1;

  bool same_in_torch() const { return kind == Kind::plain || kind == Kind::image; }
};

/// Traverses a graph in order and tracks the columns of each value.
class Layouts {
 public:
  explicit Layouts(const Graph& graph) : graph_(graph), columns_(graph.values().size()) {
    roots_.resize(columns_.size());
    std::iota(roots_.begin(), roots_.end(), 0);
    for (std::size_t i = 0; i < graph.values().size(); ++i) add(static_cast<ValueId>(i));
    for (const Node& node : graph.nodes()) pass(node);
  }

  std::map<std::string, TorchLayout> take() {
    std::map<std::string, TorchLayout> named;
    for (auto& [id, layout] : layouts_) named[graph_.value(id).name] = std::move(layout);
    return named;
  }

 private:
  using Kind = Columns::Kind;

  const Shape& shape(ValueId id) const { return graph_.value(id).spec.shape; }
  Columns& columns(ValueId id) { return columns_[static_cast<std::size_t>(id)]; }
  ValueId& root(ValueId id) { return roots_[static_cast<std::size_t>(id)]; }

  void add(ValueId id) {
    const Value& value = graph_.value(id);
    if (value.role == Role::input && value.spec.rank() == 4) columns(id).kind = Kind::image;
    const bool held = value.role == Role::parameter || value.role == Role::state;
    if (!held || value.spec.dtype != DType::f32) return;
    std::vector<std::int64_t> axes(value.spec.shape.size());
    std::iota(axes.begin(), axes.end(), 0);
    layouts_[id] = {value.spec.shape, value.spec.shape, std::move(axes)};
  }

  void pass(const Node& node) {
    const std::string_view op = node.op->name;
    if (op == "reshape") {
      pass_reshape(node.inputs[0], node.outputs[0]);
    } else if (op == "conv2d" || op == "conv2d_dx") {
      channels_first(root(node.inputs[1]));
      columns(node.outputs[0]).kind = Kind::image;
    } else if (op == "matmul" && !layouts_.contains(root(node.inputs[0]))) {
      const bool transposed = node.attributes.integer("transpose_b") == 1;
      reorder(node.inputs[1], transposed ? 1 : 2, columns(node.inputs[0]));
    } else {
      pass_other(node);
    }
  }

  void pass_reshape(ValueId x, ValueId y) {
    root(y) = root(x);
    const Shape &from = shape(x), &to = shape(y);
    const Columns of_x = columns(x);
    Columns& of_y = columns(y);
    if (of_x.kind == Kind::plain || to.empty()) return;
    const std::int64_t pixels =
        element_count(Shape(from.begin() + 1, from.end())) / std::max<std::int64_t>(1, from.back());
    if (to.back() == from.back()) {
      // An image stays an image, also the row of a 1-D convolution; tokens are the same in PyTorch.
      const bool row = from.size() == 4 && to.size() == 3 && from[1] == 1;
      if (of_x.kind != Kind::image || to.size() == 4 || row) of_y = of_x;
    } else if (of_x.kind == Kind::image && to.back() == pixels * from.back()) {
      of_y = {Kind::flattened, pixels, from.back()};
    } else if (of_x.kind == Kind::flattened && to.back() == of_x.channels) {
      if (to.size() == 4) of_y.kind = Kind::image;
    } else {
      of_y.kind = Kind::unknown;
    }
  }

  /// Elementwise ops, norms and pools keep the columns; weights with one number per column have the
  /// same columns.
  void pass_other(const Node& node) {
    for (ValueId y : node.outputs)
      for (ValueId x : node.inputs) columns(y) = passed(node, x, y);
    const Columns of_y = columns(node.outputs[0]);
    for (ValueId w : node.inputs)
      if (!shape(w).empty() && shape(w).back() == shape(node.outputs[0]).back())
        reorder(w, 1, of_y);
  }

  Columns passed(const Node& node, ValueId x, ValueId y) {
    const Columns of_x = columns(x), of_y = columns(y);
    if (of_x.kind == Kind::plain) return of_y;
    if (of_x.kind == Kind::image)
      return shape(x).size() == shape(y).size() && node.op->name != "permute" ? of_x : of_y;
    const bool same = !shape(y).empty() && shape(y).back() == shape(x).back();
    return same ? of_x : Columns{Kind::unknown};
  }

  void channels_first(ValueId w) {
    const auto found = layouts_.find(w);
    if (found == layouts_.end()) return;
    TorchLayout& layout = found->second;
    layout.shape = shape(w);
    std::rotate(layout.shape.begin() + 1, layout.shape.end() - 1, layout.shape.end());
    layout.parts = layout.shape;
    std::iota(layout.axes.begin(), layout.axes.end(), 0);
    std::rotate(layout.axes.begin() + 1, layout.axes.begin() + 2, layout.axes.end());
  }

  /// Notes that dimension `from_end` of a parameter (1: the last) corresponds to columns.
  void reorder(ValueId value, std::size_t from_end, const Columns& columns) {
    const ValueId w = root(value);
    const auto found = layouts_.find(w);
    if (found == layouts_.end() || columns.same_in_torch()) return;
    TorchLayout& layout = found->second;
    if (columns.kind == Kind::unknown || shape(value) != shape(w))
      throw Error("state_dict",
                  fmt::format("cannot tell how PyTorch orders the elements of '{}' {}",
                              graph_.value(w).name, to_string(layout.shape)));
    const auto at = static_cast<std::ptrdiff_t>(layout.shape.size() - from_end);
    layout.parts = layout.shape;
    layout.parts[static_cast<std::size_t>(at)] = columns.pixels;
    layout.parts.insert(layout.parts.begin() + at, columns.channels);
    layout.axes.resize(layout.parts.size());
    std::iota(layout.axes.begin(), layout.axes.end(), 0);
    std::swap(layout.axes[static_cast<std::size_t>(at)],
              layout.axes[static_cast<std::size_t>(at) + 1]);
  }

  const Graph& graph_;
  std::vector<Columns> columns_;            ///< by value
  std::vector<ValueId> roots_;              ///< by value: what it is a view of
  std::map<ValueId, TorchLayout> layouts_;  ///< of parameters and states
};

/// Permutes x: dimension i of the result is dimension axes[i] of x.
std::vector<float> permuted(std::span<const float> x, const Shape& shape,
                            const std::vector<std::int64_t>& axes) {
  if (element_count(shape) != static_cast<std::int64_t>(x.size()))
    throw Error("state_dict", fmt::format("found {} elements, expected {} as in {}", x.size(),
                                          element_count(shape), to_string(shape)));
  std::vector<std::int64_t> strides(shape.size()), sizes, steps, index(shape.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0; stride *= shape[i]) strides[i] = stride;
  for (std::int64_t axis : axes) {
    sizes.push_back(shape[static_cast<std::size_t>(axis)]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  std::vector<float> y(x.size());
  std::int64_t from = 0;
  for (float& value : y) {
    value = x[static_cast<std::size_t>(from)];
    for (std::size_t i = sizes.size(); i-- > 0;) {
      from += steps[i];
      if (++index[i] < sizes[i]) break;
      from -= steps[i] * sizes[i];
      index[i] = 0;
    }
  }
  return y;
}

std::vector<float> floats(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

bool is_ignored(const std::string& name) { return name.ends_with("num_batches_tracked"); }

using LayoutsByName = std::map<std::string, TorchLayout>;
using Names = std::map<std::string, std::string>;

std::vector<std::string> problems(const TensorFile& file, const LayoutsByName& layouts,
                                  const Names& names) {
  std::vector<std::string> found;
  std::set<std::string> known;
  for (const auto& [name, layout] : layouts) {
    const auto in_file = names.find(name);
    const TensorSpec expected = {DType::f32, layout.shape};
    if (in_file == names.end()) {
      found.push_back(fmt::format("'{}' is missing", name));
      continue;
    }
    known.insert(in_file->second);
    if (const TensorSpec& spec = file.tensors.at(in_file->second).spec; spec != expected)
      found.push_back(
          fmt::format("'{}' is {}, expected {}", name, to_string(spec), to_string(expected)));
  }
  for (const auto& [name, tensor] : file.tensors)
    if (!known.contains(name) && !is_ignored(name))
      found.push_back(fmt::format("'{}' is unexpected", name));
  return found;
}

Graph graph_of(const Network& network) {
  Graph graph;
  append_task(graph, network.task(), 1);
  return graph;
}

}  // namespace

std::map<std::string, TorchLayout> torch_layouts(const Graph& graph) {
  return Layouts(graph).take();
}

std::vector<float> from_torch(const TorchLayout& layout, std::span<const float> x) {
  return permuted(x, layout.parts, layout.axes);
}

std::vector<float> to_torch(const TorchLayout& layout, std::span<const float> x) {
  Shape shape;
  std::vector<std::int64_t> inverse(layout.axes.size());
  for (std::size_t i = 0; i < layout.axes.size(); ++i) {
    shape.push_back(layout.parts[static_cast<std::size_t>(layout.axes[i])]);
    inverse[static_cast<std::size_t>(layout.axes[i])] = static_cast<std::int64_t>(i);
  }
  return permuted(x, shape, inverse);
}

void load_state_dict(const TensorFile& file, const Graph& graph, Params& params) {
  const auto layouts = torch_layouts(graph);
  const Names names = names_in_file(file, layouts);
  const std::vector<std::string> found = problems(file, layouts, names);
  if (!found.empty())
    throw Error("state_dict", fmt::format("does not fit: {}", fmt::join(found, "; ")));
  for (const auto& [name, layout] : layouts) {
    const std::vector<float> values =
        from_torch(layout, floats(file.tensors.at(names.at(name)).bytes));
    params.write(name, std::as_bytes(std::span(values)));
  }
}

void load_state_dict(const TensorFile& file, Network& network) {
  load_state_dict(file, graph_of(network), network.params());
}

TensorFile state_dict(const Graph& graph, const Params& params) {
  TensorFile file;
  for (const auto& [name, layout] : torch_layouts(graph)) {
    const std::vector<float> values = to_torch(layout, params.read_floats(name));
    TensorFile::Tensor& tensor = file.tensors[name];
    tensor.spec = {DType::f32, layout.shape};
    const auto bytes = std::as_bytes(std::span(values));
    tensor.bytes.assign(bytes.begin(), bytes.end());
  }
  return file;
}

TensorFile state_dict(const Network& network) {
  return state_dict(graph_of(network), network.params());
}

}  // namespace tessera
