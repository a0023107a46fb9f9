#include "tests/passes/random_net.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/philox.h"
#include "tessera/initializers.h"
#include "tessera/ops.h"

namespace tessera::tests {
namespace {

constexpr std::int64_t images = 3, side = 4, classes = 3;
constexpr double eps = 0.1;  // norms over a few elements would magnify rounding errors

class Builder {
 public:
  Builder(Graph& graph, std::uint64_t seed) : graph_(graph), random_(seed, "net") {
    for (const std::int64_t channels : {2, 4})
      values_.push_back(
          graph.input(fmt::format("x{}", channels), {DType::f32, {images, side, side, channels}}));
  }

  void append_layer() {
    using Layer = Var (Builder::*)();
    // Sums of products are what passes get wrong most easily.
    constexpr std::array<Layer, 14> layers = {
        &Builder::product_of_any,  &Builder::activation_of_any,
        &Builder::sum_of_products, &Builder::sum_of_products,
        &Builder::sum_of_products, &Builder::sum_of_any,
        &Builder::scaled,          &Builder::gated,
        &Builder::halves,          &Builder::overlapping,
        &Builder::residual_block,  &Builder::through_rows,
        &Builder::updated_between, &Builder::pooled};
    const Layer layer = layers[random_.below(layers.size())];
    values_.push_back((this->*layer)());
  }

  Net finish() {
    Net net;
    std::vector<Var> features;
    for (const Var& value : leaves()) features.push_back(mean(value, {1, 2}));
    net.losses.push_back(classified(features, net, "a"));
    if (below(2) == 0) net.losses.push_back(classified(features, net, "b"));
    if (below(2) == 0) net.losses.push_back(mul(mean(square(tanh(any()))), 0.5));
    if (below(3) == 0) net.outputs.emplace("read", any());
    for (std::size_t i = 0; i < updated_.size(); ++i)
      net.outputs.emplace(fmt::format("updated{}", i), updated_[i]);
    return net;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return random_.below(n); }
  std::int64_t channels_of(Var x) const { return x.shape().back(); }
  std::string fresh(const char* what) { return fmt::format("{}{}", what, count_++); }

  /// Mostly one of the last ones.
  Var any() {
    const auto count = static_cast<std::uint32_t>(values_.size());
    const std::uint32_t back = below(2) == 0 ? below(std::min(count, 3u)) : below(count);
    return values_[count - 1 - back];
  }
  /// Another value of the shape of x, or x.
  Var like(Var x) {
    const Var other = any();
    return other.shape() == x.shape() ? other : x;
  }

  Var parameter(const char* what, Shape shape, double deviation) {
    return graph_.parameter(fresh(what), std::move(shape), init::normal(0, deviation));
  }
  Affine affine(std::int64_t channels) {
    return {graph_.parameter(fresh("gamma"), {channels}, init::uniform(0.5, 1.5)),
            parameter("beta", {channels}, 0.3)};
  }

  Var convolution(Var x, std::int64_t filters) {
    const std::int64_t C = channels_of(x), R = below(2) == 0 ? 1 : 3;
    const bool depthwise = C == filters && below(4) == 0;
    const std::int64_t of_filter = depthwise ? 1 : C;
    const double deviation = 0.7 / static_cast<double>(R * of_filter);
    const Var w = parameter("w", {filters, R, R, of_filter}, deviation);
    std::optional<Var> bias;
    if (below(2) == 0) bias = parameter("b", {filters}, 0.3);
    return conv2d(x, w, bias, {.padding = {R / 2, R / 2}, .groups = depthwise ? C : 1},
                  fresh("conv"));
  }
  /// A matrix product over the channels, of the images as they are or as rows behind a view.
  Var matrix(Var x, std::int64_t features) {
    const Var w = parameter("m", {features, channels_of(x)}, 0.5);
    std::optional<Var> bias;
    if (below(2) == 0) bias = parameter("b", {features}, 0.3);
    return dense(x, w, bias, fresh("dense"));
  }
  Var norm(Var x) {
    const std::int64_t C = channels_of(x);
    std::optional<Affine> weights;
    if (below(3) > 0) weights = affine(C);
    if (below(3) == 0) return layer_norm(x, 1, weights, eps, fresh("layer"));
    const std::string name = fresh("norm");
    const auto state = [&](const char* suffix, double value) {
      return graph_.state(name + suffix, {DType::f32, {C}}, {.value = value});
    };
    const Var mean = state(".mean", 0.1), var = state(".var", 0.8);
    if (graph_.mode() == Mode::training && below(4) > 0)
      return batch_norm(x, mean, var, weights, {.eps = eps}, name);
    return batch_norm_inference(x, mean, var, weights, eps, name);
  }
  Var product(Var x, std::int64_t filters) {
    switch (below(4)) {
      case 0:
        return matrix(x, filters);
      case 1:
        return norm(convolution(x, filters));
      case 2:
        return channels_of(x) == filters ? norm(x) : convolution(x, filters);
      default:
        return convolution(x, filters);
    }
  }
  Var activation(Var x) {
    switch (below(7)) {
      case 0:
        return relu6(x);
      case 1:
        return silu(x);
      case 2:
        return tanh(x);
      case 3:
        return sigmoid(x);
      case 4:
        return dropout(x, step_counter(graph_), 0.3, 7);
      default:
        return relu(x);
    }
  }
  Var maybe_activation(Var x) { return below(2) == 0 ? activation(x) : x; }
  std::int64_t some_channels() { return below(2) == 0 ? 2 : 4; }

  Var product_of_any() { return product(any(), some_channels()); }
  Var activation_of_any() { return activation(any()); }
  Var sum_of_any() {
    const Var x = any();
    return maybe_activation(add(x, like(x)));
  }
  /// Of two or three, in both orders, perhaps with other nodes in between or other readers.
  Var sum_of_products() {
    const std::int64_t filters = some_channels();
    Var a = product(any(), filters);
    if (below(3) == 0) values_.push_back(activation(any()));
    const Var b = maybe_inner(product(any(), filters));
    if (below(4) == 0) values_.push_back(below(2) == 0 ? a : b);
    Var y = below(2) == 0 ? add(a, b) : add(b, a);
    if (below(3) == 0) y = add(product(any(), filters), y);
    return maybe_activation(y);
  }
  Var maybe_inner(Var x) { return below(4) == 0 ? relu(x) : x; }
  /// Times a number, a channel or another value.
  Var scaled() {
    const Var x = any();
    if (below(3) == 0) return mul(x, 0.5);
    if (below(2) == 0) return mul(x, parameter("scale", {channels_of(x)}, 1));
    return mul(x, tanh(like(x)));
  }
  /// Squeeze and excitation: two products of small images that are added, as in CBAM.
  Var gated() {
    const Var x = any();
    const std::int64_t C = channels_of(x);
    const Var small = mean(x, {1, 2}, {.keepdim = true});
    const Var w = parameter("gate", {C, 1, 1, C}, 0.5);
    const Var both = add(conv2d(small, w, {}, {}, fresh("mean")),
                         conv2d(global_max_pool2d(x), w, {}, {}, fresh("max")));
    return mul(x, sigmoid(both));
  }
  Var halves() {
    const Var x = any();
    const std::int64_t half = channels_of(x) / 2;
    std::vector<Var> parts = split(x, half, -1, fresh("half"));
    parts[0] = activation(parts[0]);
    if (below(2) == 0) std::swap(parts[0], parts[1]);
    return concat(parts, -1, fresh("concat"));
  }
  /// Slices whose gradients cannot be put side by side.
  Var overlapping() {
    const Var x = any();
    const Var top = slice(x, 1, 0, 3), bottom = slice(x, 1, 1, 4);
    return concat({mul(top, bottom), slice(activation(x), 1, 0, 1)}, 1, fresh("overlap"));
  }
  Var residual_block() {
    const Var x = any();
    const std::int64_t C = channels_of(x);
    const Var y = product(activation(product(x, some_channels())), C);
    return maybe_activation(below(2) == 0 ? add(x, y) : add(y, x));
  }
  /// Rows of all pixels, which are views.
  Var through_rows() {
    const Var x = any();
    const std::int64_t C = channels_of(x), filters = some_channels();
    const Var rows = reshape(x, {images * side * side, C});
    const Var y = add(matrix(rows, filters), matrix(rows, filters));
    return reshape(maybe_activation(y), {images, side, side, filters});
  }
  /// A state is added to a product and updated before the activation.
  Var updated_between() {
    const Var x = convolution(any(), 2);
    const Var state = graph_.state(fresh("state"), x.spec(), {.value = 0.2});
    const Var seen = below(2) == 0 ? state : reshape(reshape(state, {-1}), x.shape());
    const Var sum = add(x, seen);
    const Var share = graph_.constant({1}, 0.25);
    const auto update = [&] { updated_.push_back(blend(state, mul(values_[0], 1.5), share)); };
    if (below(2) == 0) {
      update();
      return relu(sum);
    }
    const Var y = relu(sum);
    update();
    return y;
  }
  Var pooled() {
    return max_pool2d(any(), {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}},
                      fresh("pool"));
  }

  Var classified(const std::vector<Var>& features, Net& net, const std::string& name) {
    Var logits = dense(features[0], parameter("head", {classes, channels_of(features[0])}, 0.5),
                       parameter("bias", {classes}, 0.3));
    for (std::size_t i = 1; i < features.size(); ++i)
      logits = add(logits,
                   dense(features[i], parameter("head", {classes, channels_of(features[i])}, 0.5)));
    const Var label = graph_.input("label" + name, {DType::i32, {images}});
    const CrossEntropy loss = softmax_cross_entropy(logits, label, fresh("loss"));
    if (below(3) == 0) net.outputs.emplace("probabilities" + name, loss.probabilities);
    return loss.loss;
  }

  /// Values that no node reads; what some node reads reaches the loss through them.
  std::vector<Var> leaves() const {
    std::vector<bool> read(graph_.values().size(), false);
    for (const Node& node : graph_.nodes())
      for (const ValueId input : node.inputs) read[static_cast<std::size_t>(input)] = true;
    std::vector<Var> found;
    for (const Var& value : values_)
      if (!read[static_cast<std::size_t>(value.id())]) found.push_back(value);
    return found.empty() ? std::vector{values_.back()} : found;
  }

  Graph& graph_;
  Philox random_;
  std::vector<Var> values_, updated_;
  int count_ = 0;
};

}  // namespace

Net random_net(Graph& graph, std::uint64_t seed, int nodes) {
  Builder builder(graph, seed);
  for (int i = 0; i < nodes; ++i) builder.append_layer();
  return builder.finish();
}

}  // namespace tessera::tests
