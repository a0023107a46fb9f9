#include "onnx/ending.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "onnx/constant.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

using onnx::NodeProto;

const onnx::AttributeProto* attribute(const NodeProto& node, std::string_view name) {
  for (const auto& found : node.attribute())
    if (found.name() == name) return &found;
  return nullptr;
}

std::int64_t integer(const NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const auto* found = attribute(node, name);
  return found ? found->i() : otherwise;
}

std::string input_of(const NodeProto& node, int i) {
  return i < node.input_size() ? node.input(i) : std::string();
}

/// Returns the tensor of an initializer or of a Constant node.
std::optional<Constant> known(const File& file, const std::string& name) {
  if (const auto* tensor = file.initializer(name)) return constant_of(*tensor, file.folder());
  const NodeProto* node = file.producer(name);
  if (!node || node->op_type() != "Constant") return {};
  const auto* value = attribute(*node, "value");
  if (!value) return {};
  check_data(value->t(), file.folder());
  return constant_of(value->t(), file.folder());
}

/// Returns the node whose first output is the value.
const NodeProto* maker(const File& file, const std::string& value) {
  const NodeProto* node = file.producer(value);
  return node && node->output(0) == value && node->input_size() > 0 ? node : nullptr;
}

/// The kind of numbers in an output, as far as later nodes show it.
enum class Numbers : std::uint8_t { unknown, probabilities, logarithms };

struct Activation {
  Ending::Kind kind;
  Numbers gives;
  std::string logits;
  std::int64_t axis = 0;
  bool is_flat = false;
};

/// Recognizes Exp(z) / ReduceSum(Exp(z)).
std::optional<Activation> parts_of_softmax(const File& file, const NodeProto& quotient) {
  if (quotient.op_type() != "Div") return {};
  const NodeProto* exp = maker(file, input_of(quotient, 0));
  const NodeProto* sum = maker(file, input_of(quotient, 1));
  const bool fits = exp && sum && exp->op_type() == "Exp" && sum->op_type() == "ReduceSum" &&
                    sum->input(0) == exp->output(0) && integer(*sum, "keepdims", 1) == 1;
  if (!fits) return {};
  std::vector<std::int64_t> axes;
  if (const auto* found = attribute(*sum, "axes"))
    axes = {found->ints().begin(), found->ints().end()};
  if (const auto input = known(file, input_of(*sum, 1))) axes = integers(*input);
  if (axes.size() != 1) return {};
  return Activation{Ending::Kind::softmax, Numbers::probabilities, exp->input(0), axes[0]};
}

std::optional<Activation> activation_of(const File& file, const NodeProto& node) {
  const std::string& op = node.op_type();
  if (op == "Sigmoid")
    return Activation{Ending::Kind::sigmoid, Numbers::probabilities, node.input(0)};
  if (op != "Softmax" && op != "LogSoftmax") return parts_of_softmax(file, node);
  const bool is_flat = file.opset(node) < 13;
  return Activation{Ending::Kind::softmax,
                    op == "Softmax" ? Numbers::probabilities : Numbers::logarithms, node.input(0),
                    integer(node, "axis", is_flat ? 1 : -1), is_flat};
}

bool gives_floats(const NodeProto& cast) {
  const std::int64_t to = integer(cast, "to", onnx::TensorProto::FLOAT);
  return to == onnx::TensorProto::FLOAT || to == onnx::TensorProto::FLOAT16 ||
         to == onnx::TensorProto::DOUBLE || to == onnx::TensorProto::BFLOAT16;
}

/// Whether a node keeps all elements of its input unchanged.
bool keeps_elements(const NodeProto& node) {
  constexpr std::array<std::string_view, 7> ops = {"Identity",  "Flatten",   "Reshape", "Squeeze",
                                                   "Unsqueeze", "Transpose", "Dropout"};
  return is_one_of(node, ops) || (node.op_type() == "Cast" && gives_floats(node));
}

/// Returns a bound of a Clip, an attribute in old opsets, else an input; nothing if it is unknown.
std::optional<double> bound_of(const File& file, const NodeProto& clip, const char* name, int input,
                               double otherwise) {
  if (const auto* found = attribute(clip, name)) return static_cast<double>(found->f());
  if (input_of(clip, input).empty()) return otherwise;
  const auto bound = known(file, clip.input(input));
  if (!bound || bound->numbers.size() != 1) return {};
  return bound->numbers[0];
}

/// Whether a Clip only keeps probabilities away from 0 and 1.
bool keeps_probabilities(const File& file, const NodeProto& clip, Numbers clipped) {
  const auto least = bound_of(file, clip, "min", 1, -INFINITY);
  const auto most = bound_of(file, clip, "max", 2, INFINITY);
  constexpr double near = 0.01;
  const bool of_logarithms = clipped == Numbers::logarithms;
  return least && most && *least <= (of_logarithms ? std::log(near) : near) &&
         *most >= (of_logarithms ? std::log(1 - near) : 1 - near);
}

/// Walks back from the first output to the activation.
class WayBack {
 public:
  explicit WayBack(const File& file) : file_(file) {}

  /// Whether the previous node keeps probabilities.
  bool takes(const NodeProto& node) {
    const std::string& op = node.op_type();
    if (op == "Log" && is_known_as(Numbers::logarithms)) {
      numbers_ = Numbers::probabilities;
    } else if (op == "Exp" && is_known_as(Numbers::probabilities)) {
      numbers_ = Numbers::logarithms;
    } else if (op == "Clip") {
      clips_.emplace_back(&node, numbers_);
    } else if (!keeps_elements(node)) {
      return false;
    }
    return true;
  }

  /// Whether an activation with such numbers may be its start.
  bool may_begin_with(Numbers given) {
    return is_known_as(given) && std::all_of(clips_.begin(), clips_.end(), [&](const auto& clip) {
             return keeps_probabilities(file_, *clip.first, clip.second);
           });
  }

 private:
  /// Records the kind of numbers of a value; false if it is already known as another kind.
  bool is_known_as(Numbers numbers) {
    if (numbers_ == Numbers::unknown) {
      numbers_ = numbers;
      for (auto& clip : clips_) clip.second = numbers;
    }
    return numbers_ == numbers;
  }

  const File& file_;
  Numbers numbers_ = Numbers::unknown;
  std::vector<std::pair<const NodeProto*, Numbers>> clips_;  ///< and the numbers that they clip
};

}  // namespace

Ending ending_of(const File& file) {
  const std::string& output = file.graph().output(0).name();
  const Ending none{Ending::Kind::none, output};
  std::vector<const NodeProto*> behind;
  WayBack way(file);
  std::string value = output;
  for (int i = 0; i < file.graph().node_size(); ++i) {
    const NodeProto* node = maker(file, value);
    if (!node) return none;
    if (const auto found = activation_of(file, *node)) {
      if (!way.may_begin_with(found->gives)) return none;
      std::reverse(behind.begin(), behind.end());
      return {found->kind, found->logits, node, found->is_flat, found->axis, std::move(behind)};
    }
    if (!way.takes(*node)) return none;
    behind.push_back(node);
    value = node->input(0);
  }
  return none;
}

bool is_for_probabilities(const NodeProto& node) {
  constexpr std::array<std::string_view, 4> ops = {"Clip", "Dropout", "Exp", "Log"};
  return is_one_of(node, ops);
}

bool is_over_classes(const Ending& ending, const Shape& shape, std::int64_t batch) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::int64_t axis = ending.axis < 0 ? ending.axis + rank : ending.axis;
  if (axis < 0 || axis >= rank) return false;  // refused by the import
  if (rank == 1) return batch == 1;            // after a Squeeze of a single image
  const auto begin = shape.begin() + 1, at = shape.begin() + axis;
  if (axis == 0) return false;
  const bool alone = element_count({begin, at}) == 1;
  return alone && (ending.is_flat || element_count({at + 1, shape.end()}) == 1);
}

bool is_over_batch(const Ending& ending, std::size_t rank) {
  return rank > 1 && (ending.axis == 0 || ending.axis == -static_cast<std::int64_t>(rank));
}

const NodeProto& head_of(const File& file, const Ending& ending) {
  constexpr std::array<std::string_view, 2> products = {"Gemm", "MatMul"};
  const NodeProto* last = maker(file, ending.logits);
  for (int i = 0; last && i < file.graph().node_size(); ++i) {
    if (!keeps_elements(*last) && last->op_type() != "LogSoftmax") break;
    last = maker(file, last->input(0));
  }
  if (last && (is_one_of(*last, products) || last->op_type() == "Conv")) return *last;
  if (last && last->op_type() == "Add")
    for (const std::string& input : last->input())
      if (const NodeProto* node = maker(file, input); node && is_one_of(*node, products))
        return *node;
  throw Error("onnx", fmt::format("the logits of '{}' come from {}, expected Gemm or MatMul, or "
                                  "Conv of one pixel, to replace the layer",
                                  file.path(), last ? last->op_type() : "no node"));
}

}  // namespace tessera::importer
