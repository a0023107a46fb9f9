// Random graphs: what bytes say is built by the functions that users call, fused and given
// gradients as a net is, and must run on every device to what the plain algorithms give for the
// graph as it was.
//
// Where a function has a kink (relu, the choice of a maximum), a rounding error may change which
// side an element is on and so the gradient, all of it. So numbers start as small multiples of 1/2,
// which float computes with exactly, and kinks are put only on values that are still exact, or that
// are made to stay away from the kink.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "engine/base/philox.h"
#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/check.h"
#include "tessera/error.h"
#include "tessera/fuse.h"
#include "tessera/op.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tests/data/temporary_folder.h"
#include "tests/fuzz/target.h"
#include "tests/read_outputs.h"

namespace tessera::fuzz {
namespace {

constexpr int most_nodes = 6;
constexpr double tolerance = 1e-3;  ///< of the largest element of all outputs

/// A value of the graph, and what rounding may have done to it.
struct Known {
  Var var;
  bool exact = true;            ///< no rounding so far
  bool away_from_zero = false;  ///< by more than rounding
};

class Builder {
 public:
  Builder(Graph& graph, Input bytes) : graph_(graph), bytes_(bytes) {
    const Shape shape = {number(1, 3), number(1, 9), number(1, 9), number(1, 9)};
    values.push_back({graph_.input("x", {DType::f32, shape})});
  }

  bool done() const { return bytes_.empty(); }
  /// From the bytes: a number, 0 when there is none left; a choice of one; a value of before.
  std::int64_t number(std::int64_t least, std::int64_t most) {
    if (bytes_.empty()) return least;
    const std::int64_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return least + byte % (most - least + 1);
  }
  Known& value() {
    return values[static_cast<std::size_t>(
        number(0, static_cast<std::int64_t>(values.size()) - 1))];
  }

  /// Multiples of `step`, no zeros.
  Var parameter(const Shape& shape, double step = 0.5) {
    const std::string name = fmt::format("p{}", graph_.values().size());
    const auto count = static_cast<std::size_t>(TensorSpec{DType::f32, shape}.elements());
    return graph_.parameter(
        name, shape,
        {.kind = Initializer::Kind::given, .bytes = [=] {
           std::vector<float> numbers(count);
           Philox random(1, name);
           for (float& number : numbers)
             number = static_cast<float>(step * (2 * static_cast<int>(random.below(2)) - 1));
           const auto bytes = std::as_bytes(std::span(numbers));
           return std::vector<std::byte>(bytes.begin(), bytes.end());
         }});
  }

  std::vector<Known> values;

 private:
  Graph& graph_;
  Input bytes_;
};

std::int64_t last(const Var& x) { return x.shape().empty() ? 1 : x.shape().back(); }

void need(bool fits) {
  if (!fits) throw Error("fuzz", "a kink on a value that is not exact");
}

Known conv(Builder& b, bool depthwise) {
  const Known x = b.value();
  const std::int64_t channels = last(x.var);
  const std::int64_t filters = depthwise ? channels : b.number(1, 20);
  const std::int64_t rows = b.number(1, 3), columns = b.number(1, 3);
  Conv2dOptions options;
  options.stride = {b.number(1, 2), b.number(1, 2)};
  options.padding = {b.number(0, 1), b.number(0, 1)};
  options.dilation = {b.number(1, 2), 1};
  options.groups = depthwise ? channels : 1;
  const Var w = b.parameter({filters, rows, columns, channels / options.groups}, 0.25);
  // Products are multiples of 1/8 at least as long as x is one of 1/2, and sums no such plus 1/16.
  const Var bias = b.parameter({filters}, 1.0 / 16);
  const bool first = x.var.id() == b.values.front().var.id();
  return {conv2d(x.var, w, bias, options), x.exact && rows * columns != 9, first};
}

Known dense_layer(Builder& b) {
  const Known x = b.value();
  const std::int64_t features = b.number(1, 20);
  return {dense(x.var, b.parameter({features, last(x.var)}), b.parameter({features})), x.exact};
}

/// A function without a kink, whose results are rounded.
template <typename Function>
auto smooth(const Function& function) {
  return [=](Builder& b) { return Known{function(b.value().var), false}; };
}

template <typename Function>
auto kinked(const Function& function) {
  return [=](Builder& b) {
    const Known x = b.value();
    need(x.exact || x.away_from_zero);
    return Known{function(x.var), x.exact};
  };
}

template <typename Function>
auto of_two(const Function& function) {
  return [=](Builder& b) {
    const Known x = b.value(), y = b.value();
    return Known{function(x.var, y.var), x.exact && y.exact};
  };
}

/// The maximum of some elements, of which only one gets the gradient.
template <typename Function>
auto chosen(const Function& function) {
  return [=](Builder& b) {
    const Known x = b.value();
    need(x.exact);
    return Known{function(b, x.var)};
  };
}

/// Elements that only move.
template <typename Function>
auto moved(const Function& function) {
  return [=](Builder& b) {
    const Known x = b.value();
    return Known{function(b, x.var), x.exact, x.away_from_zero};
  };
}

Known norm_of_batch(Builder& b, Mode mode) {
  const Var x = b.value().var;
  const Shape channels = {last(x)};
  const Affine affine{b.parameter(channels), b.parameter(channels)};
  const std::string name = fmt::format("s{}", x.graph().values().size());
  const TensorSpec spec{DType::f32, channels};
  const Var mean = x.graph().state(name + "m", spec),
            var = x.graph().state(name + "v", spec, {.value = 1});
  return {mode == Mode::training ? batch_norm(x, mean, var, affine)
                                 : batch_norm_inference(x, mean, var, affine),
          false};
}

Pool2dOptions pool_options(Builder& b) {
  Pool2dOptions options;
  options.kernel = {b.number(1, 3), b.number(1, 3)};
  options.stride = {b.number(1, 3), b.number(1, 3)};
  options.padding = {b.number(0, 1), b.number(0, 1)};
  options.ceil_mode = b.number(0, 1) == 1;
  return options;
}

std::int64_t axis_of(Builder& b, const Var& x) {
  // One too many on each side, which must be refused.
  const auto rank = static_cast<std::int64_t>(x.shape().size());
  return b.number(-rank - 1, rank);
}

using Make = std::function<Known(Builder&)>;

const std::vector<Make>& makers() {
  static const std::vector<Make> all = {
      [](Builder& b) { return conv(b, false); },
      [](Builder& b) { return conv(b, true); },
      dense_layer,
      [](Builder& b) { return norm_of_batch(b, Mode::training); },
      [](Builder& b) { return norm_of_batch(b, Mode::inference); },
      kinked([](Var x) { return relu(x); }),
      kinked([](Var x) { return leaky_relu(x, 0.5); }),
      smooth([](Var x) { return sigmoid(x); }),
      smooth([](Var x) { return tanh(x); }),
      smooth([](Var x) { return silu(x); }),
      smooth([](Var x) { return gelu(x); }),
      smooth([](Var x) { return layer_norm(x); }),
      smooth([](Var x) { return softmax(x); }),
      smooth([](Var x) { return global_avg_pool2d(x); }),
      [](Builder& b) {
        const Var x = b.value().var;
        return Known{mean(x, {axis_of(b, x)}, {.keepdim = b.number(0, 1) == 1}), false};
      },
      [](Builder& b) {
        return Known{group_norm(b.value().var, b.number(1, 3)), false};
      },
      of_two([](Var x, Var y) { return add(x, y); }),
      of_two([](Var x, Var y) { return sub(x, y); }),
      of_two([](Var x, Var y) { return mul(x, y); }),
      of_two([](Var x, Var y) { return matmul(x, y, {.transpose_b = true}); }),
      [](Builder& b) {
        const Known x = b.value(), y = b.value();
        return Known{concat({x.var, y.var}, axis_of(b, x.var)), x.exact && y.exact};
      },
      chosen([](Builder& b, Var x) { return max_pool2d(x, pool_options(b)); }),
      chosen([](Builder& b, Var x) { return amax(x, {axis_of(b, x)}); }),
      moved([](Builder& b, Var x) { return slice(x, axis_of(b, x), b.number(-3, 9)); }),
      moved([](Builder& b, Var x) { return flip(x, {axis_of(b, x)}); }),
      moved([](Builder& b, Var x) { return transpose(x, axis_of(b, x), axis_of(b, x)); }),
      moved([](Builder&, Var x) { return flatten(x); }),
      moved([](Builder& b, Var x) {
        return reshape(x, {b.number(1, 9), -1});
      }),
      moved([](Builder& b, Var x) { return unsqueeze(x, axis_of(b, x)); }),
  };
  return all;
}

/// Those that no node reads.
std::vector<Var> leaves(const Graph& graph, const Builder& builder) {
  std::vector<bool> read(graph.values().size(), false);
  for (const Node& node : graph.nodes())
    for (const ValueId input : node.inputs) read[static_cast<std::size_t>(input)] = true;
  std::vector<Var> found;
  for (const Known& known : builder.values)
    if (!read[static_cast<std::size_t>(known.var.id())]) found.push_back(known.var);
  return found;
}

/// Throws the last Error of a node when none could be built.
void add_nodes(Builder& builder) {
  std::string refusal = "no bytes";
  for (int i = 0; i < most_nodes && !builder.done(); ++i) {
    const auto which =
        static_cast<std::size_t>(builder.number(0, static_cast<std::int64_t>(makers().size()) - 1));
    try {
      builder.values.push_back(makers()[which](builder));
    } catch (const Error& error) {
      refusal = error.what();
    }
  }
  if (builder.values.size() == 1) throw Error(refusal);
}

/// The leaves and the gradients of their sum. `as_a_net`: with all passes.
Graph build(Input input, bool as_a_net) {
  Graph graph(Mode::training);
  Builder builder(graph, input);
  add_nodes(builder);
  const std::vector<Var> ends = leaves(graph, builder);
  for (std::size_t i = 0; i < ends.size(); ++i) graph.set_output(fmt::format("y{}", i), ends[i]);
  Var total = sum(ends[0]);
  for (std::size_t i = 1; i < ends.size(); ++i) total = add(total, sum(ends[i]));
  graph.set_output("total", total);
  if (as_a_net) fuse(graph);
  const auto values = static_cast<ValueId>(graph.values().size());
  for (ValueId id = 0; id < values; ++id) {
    const Role role = graph.value(id).role;
    if (role != Role::parameter && role != Role::input) continue;
    try {
      graph.set_output(fmt::format("d{}", id), gradients(total, {Var(graph, id)}).front());
    } catch (const Error&) {  // nothing depends on it, or no gradient is defined
    }
  }
  remove_dead_nodes(graph);
  if (as_a_net) {
    join_slices(graph);
    join_chains(graph);
  }
  return graph;
}

Results run_on(Device& device, const Graph& graph) {
  const Plan plan(graph, device.plan_options());
  Params params(device);
  params.add(graph, 1);
  const auto executable = device.compile(plan, params);
  if (plan.placement(graph.find("x")).used) {
    std::vector<float> x(static_cast<std::size_t>(graph.value(graph.find("x")).spec.elements()));
    Philox random(1, "x");
    for (float& number : x) number = static_cast<float>(random.below(9)) / 2 - 2;
    executable->set_input("x", std::as_bytes(std::span(x)));
  }
  executable->run();
  return read_outputs(*executable, graph);
}

/// NaN is right where it is expected: as the mean of nothing.
bool is_near(float found, float expected, double bound) {
  return std::isnan(expected) ? std::isnan(found) : std::abs(found - expected) <= bound;
}

/// "%3 = relu(%0) f32[1,2]; ..."
std::string listing(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes())
    text += fmt::format("%{} = {}(%{}) {}; ", fmt::join(node.outputs, ", %"), node.op->name,
                        fmt::join(node.inputs, ", %"),
                        to_string(graph.value(node.outputs.front()).spec));
  return text;
}

/// Throws std::logic_error when they differ.
void compare(const Graph& graph, const Results& found, const Results& expected,
             const std::string& device) {
  double largest = 1;
  for (const auto& output : expected)
    for (const float number : output) largest = std::max<double>(largest, std::abs(number));
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (std::size_t j = 0; j < expected[i].size(); ++j)
      if (!is_near(found[i][j], expected[i][j], tolerance * largest))
        throw std::logic_error(fmt::format("{}: output {}, element {}: {}, expected {}; {}", device,
                                           graph.outputs()[i].name, j, found[i][j], expected[i][j],
                                           listing(graph)));
}

const std::vector<std::unique_ptr<Device>>& devices() {
  static const auto all = [] {
    // Programs of made-up shapes are no use to anyone else.
    static const tests::TemporaryFolder cache;
    setenv("TESSERA_CACHE_DIR", cache.path().c_str(), 1);
    std::vector<std::unique_ptr<Device>> opened;
    const char* const only = std::getenv("TESSERA_DEVICE");
    for (const DeviceInfo& info : list_devices())
      if (info.usable && (!only || info.id == only)) opened.push_back(open_device(info.id));
    return opened;
  }();
  return all;
}

}  // namespace

void run_graph(Input input) {
  const Graph plain = build(input, false);
  const Graph net = build(input, true);
  static const auto reference = open_reference_device();
  const Results expected = run_on(*reference, plain);
  for (const auto& device : devices())
    compare(net, run_on(*device, net), expected, device->info().id);
}

}  // namespace tessera::fuzz
