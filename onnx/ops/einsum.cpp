// Einsum: sums of products over labeled dimensions, as permutations, matrix products and sums.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/base/ascii.h"
#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// One letter per dimension. The dimensions of an ellipsis are '0', '1', ..., counted from the end.
using Labels = std::string;

struct Operand {
  Tensor tensor;
  Labels labels;
};

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
};

[[noreturn]] void refuse(const std::string& equation) {
  throw Error("onnx", fmt::format("equation '{}' is not supported", equation));
}

bool contains(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

/// Returns the labels of one part of the equation; `ellipsis`: its number of dimensions.
Labels expanded(const std::string& part, std::size_t ellipsis, const std::string& equation) {
  Labels labels;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (is_ascii_letter(part[i])) {
      labels += part[i];
    } else if (part.compare(i, 3, "...") == 0 && ellipsis < 10) {
      for (std::size_t d = ellipsis; d-- > 0;) labels += static_cast<char>('0' + d);
      i += 2;
    } else {
      refuse(equation);
    }
  }
  return labels;
}

std::size_t letters(const std::string& part) {
  return static_cast<std::size_t>(std::count_if(part.begin(), part.end(), is_ascii_letter));
}

/// The result without an arrow: the dimensions of ellipses, then the labels that occur once,
/// sorted.
Labels implied(const std::vector<Labels>& inputs) {
  std::map<char, int> counts;
  for (const Labels& labels : inputs)
    for (char label : labels) ++counts[label];
  Labels dimensions, once;
  for (const auto& [label, count] : counts) {
    if (label <= '9') dimensions = label + dimensions;
    if (label > '9' && count == 1) once += label;
  }
  return dimensions + once;
}

Equation parse(const std::string& text, const std::vector<std::size_t>& ranks) {
  std::string equation = text;
  equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
  const std::size_t arrow = equation.find("->");
  std::string rest = equation.substr(0, arrow);
  Equation result;
  std::size_t most = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string part = rest.substr(0, end);
    if (letters(part) > ranks[i] || (end == rest.size()) != (i + 1 == ranks.size())) refuse(text);
    const std::size_t ellipsis = ranks[i] - letters(part);
    most = std::max(most, ellipsis);
    result.inputs.push_back(expanded(part, ellipsis, text));
    if (result.inputs.back().size() != ranks[i]) refuse(text);
    rest.erase(0, end + 1);
  }
  result.output = arrow == std::string::npos ? implied(result.inputs)
                                             : expanded(equation.substr(arrow + 2), most, text);
  for (std::size_t i = 0; i < result.output.size(); ++i) {
    const char label = result.output[i];
    const bool known = std::any_of(result.inputs.begin(), result.inputs.end(),
                                   [&](const Labels& labels) { return contains(labels, label); });
    if (!known || result.output.find(label, i + 1) != Labels::npos) refuse(text);
  }
  return result;
}

std::int64_t axis_of(const Operand& x, char label) {
  return static_cast<std::int64_t>(x.labels.find(label));
}

std::int64_t size_of(const Operand& x, char label) {
  return contains(x.labels, label) ? shape_of(x.tensor)[x.labels.find(label)] : 1;
}

/// Permutes the dimensions to the order of `labels`.
Operand arranged(const Operand& x, const Labels& labels) {
  Axes order;
  for (char label : labels) order.push_back(axis_of(x, label));
  return {transposed(x.tensor, order), labels};
}

/// A duplicate label means the diagonal of its two dimensions.
Operand with_diagonals(Operand x) {
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    const std::size_t j = x.labels.find(x.labels[i], i + 1);
    if (j == Labels::npos) continue;
    Shape shape = shape_of(x.tensor);
    const std::int64_t size = shape[i];
    if (shape[j] != size) throw Error("onnx", "a label has dimensions of different sizes");
    Axes order = plain_axes(shape.size());
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(j));
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
    order.insert(order.end(), {static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)});
    const Var moved = plain_var(transposed(x.tensor, order));
    Shape flat(moved.shape().begin(), moved.shape().end() - 2);
    flat.push_back(size * size);
    x.tensor = plain(slice(reshape(moved, flat), -1, 0, {}, size + 1));
    const char label = x.labels[i];
    x.labels.erase(j, 1);
    x.labels.erase(i, 1);
    x.labels += label;
    return with_diagonals(x);
  }
  return x;
}

/// Sums over the dimensions that nothing else needs.
Operand summed(const Operand& x, const Labels& needed) {
  Labels kept;
  std::vector<std::int64_t> places;
  Shape shape;
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    if (contains(needed, x.labels[i])) {
      kept += x.labels[i];
      shape.push_back(shape_of(x.tensor)[i]);
    } else {
      places.push_back(place_of(x.tensor, static_cast<std::int64_t>(i)));
    }
  }
  if (places.empty()) return x;
  const Tensor y = {sum(x.tensor.var, places, {.keepdim = true}), x.tensor.axes};
  return {reshaped(y, shape), kept};
}

std::int64_t product_of(const Operand& x, const Labels& labels) {
  Shape shape;
  for (char label : labels) shape.push_back(size_of(x, label));
  return element_count(shape);
}

/// [batch, rows, columns], each of several dimensions; those of the batch are repeated to `sizes`.
Var matrices(const Operand& x, const Labels& batch, const Shape& sizes, const Labels& rows,
             const Labels& columns) {
  const Operand y = arranged(x, batch + rows + columns);
  const Var var = plain_var(y.tensor);
  Shape wanted = sizes;
  wanted.insert(wanted.end(), var.shape().begin() + std::ssize(batch), var.shape().end());
  return reshape(wanted == var.shape() ? var : expand(var, wanted),
                 {element_count(sizes), product_of(x, rows), product_of(x, columns)});
}

/// Returns the product of two, summed over the labels that only they have.
Operand product(const Operand& a, const Operand& b, const Labels& needed) {
  Labels batch, inner, of_a, of_b;
  for (char label : a.labels)
    (!contains(b.labels, label) ? of_a : contains(needed, label) ? batch : inner) += label;
  for (char label : b.labels)
    if (!contains(a.labels, label)) of_b += label;
  Shape sizes;
  for (char label : batch) sizes.push_back(broadcast({size_of(a, label)}, {size_of(b, label)})[0]);
  for (char label : inner)
    if (size_of(a, label) != size_of(b, label))
      throw Error("onnx", fmt::format("label {} has {} and {} elements", label, size_of(a, label),
                                      size_of(b, label)));
  const Var y =
      matmul(matrices(a, batch, sizes, of_a, inner), matrices(b, batch, sizes, inner, of_b));
  Shape shape = sizes;
  for (char label : of_a) shape.push_back(size_of(a, label));
  for (char label : of_b) shape.push_back(size_of(b, label));
  return {plain(reshape(y, shape)), batch + of_a + of_b};
}

Results einsum(Call& call) {
  std::vector<std::size_t> ranks;
  for (std::size_t i = 0; i < call.inputs(); ++i) ranks.push_back(call.shape(i).size());
  const Equation equation = parse(call.text("equation", ""), ranks);
  const auto operand = [&](std::size_t i) {
    Operand x = with_diagonals({call.tensor(i), equation.inputs[i]});
    Labels needed = equation.output;
    for (std::size_t j = 0; j < call.inputs(); ++j)
      if (j != i) needed += equation.inputs[j];
    return summed(x, needed);
  };
  Operand result = operand(0);
  for (std::size_t i = 1; i < call.inputs(); ++i) {
    Labels needed = equation.output;
    for (std::size_t j = i + 1; j < call.inputs(); ++j) needed += equation.inputs[j];
    result = product(result, operand(i), needed);
  }
  return {arranged(result, equation.output).tensor};
}

}  // namespace

std::vector<Operator> einsum_operators() { return {{"Einsum", any, einsum}}; }

}  // namespace tessera::importer
