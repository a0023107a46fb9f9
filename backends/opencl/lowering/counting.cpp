#include "backends/opencl/lowering/counting.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "engine/ops/epilogue.h"
#include "engine/ops/formulas.h"

namespace tessera::opencl {
namespace {

/// Of an op that computes each row of its results from the same row of some inputs, and from others
/// as a whole: the former. Empty: it is not such an op.
std::vector<bool> inputs_by_row(const DeviceNode& l) {
  const std::string_view op = l.node().op->name;
  const Shape& y = l.output_spec(0).shape;
  std::vector<bool> by_row(l.input_count(), false);
  const bool is_elementwise = formulas::find(op) || op == "cast";
  if (y.size() < (is_elementwise ? 1 : 2)) return {};
  const auto is_any = [&](std::initializer_list<std::string_view> ops) {
    return std::find(ops.begin(), ops.end(), op) != ops.end();
  };
  const auto first = [&](std::size_t count) {
    std::fill_n(by_row.begin(), count, true);
    return by_row;
  };
  if (is_any({"conv2d", "conv2d_dx"})) {
    const std::size_t residual = op == "conv2d" ? epilogue_inputs(l).residual : 0;
    by_row[residual] = true;  // without one: x
    return first(1);
  }
  if (is_any({"max_pool2d", "max_pool2d_windows", "image_to_float", "softmax", "log_softmax"}))
    return first(1);
  if (is_any({"max_pool2d_dx", "max_pool2d_windows_dx", "softmax_dx", "log_softmax_dx",
              "transform_image"}))
    return first(2);
  if (is_any({"resample", "resample_dx"}) && l.attributes().integer("axis") > 0) return first(1);
  if (l.attributes().has("axes")) {  // a reduction
    const auto& axes = l.attributes().integers("axes");
    const bool keeps_rows = std::find(axes.begin(), axes.end(), 0) == axes.end();
    return keeps_rows && l.input_count() == 1 && l.output_spec(0).rank() == l.input_spec(0).rank()
               ? first(1)
               : std::vector<bool>();
  }
  if (!is_elementwise) return {};
  for (std::size_t i = 0; i < l.input_count(); ++i) {
    const Shape& x = l.input_spec(i).shape;
    by_row[i] = x.size() == y.size() && x[0] == y[0];
  }
  return by_row;
}

/// How a node can be cut along its first dimension.
struct Cut {
  std::vector<bool> inputs;
  std::int64_t rows = 0;      ///< of all pieces
  std::int64_t most = 0;      ///< rows of a piece whose tensors kernels can count
  std::int64_t multiple = 1;  ///< of which each piece but the last one has to be, for the alignment
};

std::optional<Cut> cut_of(const DeviceNode& l) {
  Cut cut{.inputs = inputs_by_row(l)};
  if (cut.inputs.empty()) return {};
  cut.rows = cut.most = l.output_spec(0).dim(0);
  const auto add = [&](const TensorSpec& spec) {
    if (spec.dim(0) != cut.rows || cut.rows == 0) return false;
    const std::int64_t row = spec.elements() / cut.rows;
    if (row == 0) return true;
    cut.most = std::min(cut.most, l.traits().most_elements / row);
    const auto alignment = static_cast<std::int64_t>(l.traits().base_alignment);
    const auto bytes = row * static_cast<std::int64_t>(size_of(spec.dtype));
    cut.multiple = std::lcm(cut.multiple, alignment / std::gcd(alignment, bytes));
    return true;
  };
  for (std::size_t i = 0; i < cut.inputs.size(); ++i)
    if (cut.inputs[i] && !add(l.input_spec(i))) return {};
  for (std::size_t i = 0; i < l.output_count(); ++i)
    if (!add(l.output_spec(i))) return {};
  if (cut.most == 0) return {};
  return cut;
}

/// Pieces of `rows` rows.
std::vector<Piece> pieces_of(const Cut& cut, std::int64_t rows) {
  std::vector<Piece> pieces;
  for (std::int64_t first = 0; first < cut.rows; first += rows)
    pieces.push_back({cut.inputs, first, std::min(rows, cut.rows - first)});
  return pieces;
}

/// Measures the pieces of a node; returns why that is not possible. Then nothing is counted.
std::string measure_pieces(PlanLowering& plan, NodeId node, const Algorithm& algorithm,
                           const Parameters& parameters, const std::vector<Piece>& pieces) {
  const PlanLowering::Measured before = plan.measured();
  std::string reason;
  try {
    for (const Piece& piece : pieces)
      if (reason = plan.measure(node, algorithm, parameters, piece); !reason.empty()) break;
  } catch (const TooLarge& error) {
    reason = error.reason();
  }
  if (!reason.empty()) plan.restore(before);
  return reason;
}

}  // namespace

void check_elements(const DeviceNode& l, const Algorithm& algorithm) {
  const auto check = [&](ValueId id, const TensorSpec& spec) {
    const bool by_row = algorithm.has_long_offsets && spec.rank() > 0 && spec.dim(-1) > 0;
    const std::int64_t count = by_row ? spec.elements() / spec.dim(-1) : spec.elements();
    if (count > l.traits().most_elements)
      throw TooLarge(
          l, fmt::format("'{}' has {} {}, its kernels count to {}", l.graph().value(id).name, count,
                         by_row ? "rows" : "elements", l.traits().most_elements));
  };
  for (std::size_t i = 0; i < l.input_count(); ++i) check(l.node().inputs[i], l.input_spec(i));
  for (std::size_t i = 0; i < l.output_count(); ++i) check(l.node().outputs[i], l.output_spec(i));
}

Attempt measure(PlanLowering& plan, NodeId node, const Algorithm& algorithm,
                const Parameters& parameters) {
  const auto attempt = [&](std::vector<Piece> pieces) {
    std::string refusal = measure_pieces(plan, node, algorithm, parameters, pieces);
    return Attempt{std::move(refusal), std::move(pieces)};
  };
  Attempt whole = attempt(std::vector<Piece>(1));
  if (whole.refusal.empty()) return whole;
  const std::optional<Cut> cut = cut_of(plan.device_node(node));
  constexpr std::int64_t most_pieces = 1024;
  // Fewer rows until workspace is small enough, too.
  for (std::int64_t count = cut ? std::max<std::int64_t>(2, ceil_div(cut->rows, cut->most)) : 0;
       count > 0 && count <= std::min(cut->rows, most_pieces); count *= 2) {
    const std::int64_t rows = ceil_div(ceil_div(cut->rows, count), cut->multiple) * cut->multiple;
    if (rows > cut->most || rows >= cut->rows) continue;
    if (Attempt parts = attempt(pieces_of(*cut, rows)); parts.refusal.empty()) return parts;
  }
  return whole;
}

}  // namespace tessera::opencl
