// What executables keep from run to run because it depends on parameters alone.
#include "tessera/fuse.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tests/runs.h"

namespace tessera {
namespace {

/// Convolutions of several kinds, each with a norm behind it; the kinds have kernels of their own,
/// which want their filters in an order of their own.
Graph norms_graph(bool folded) {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {7, 12, 12, 34}});
  const auto layer = [&](const std::string& name, Shape w, const Conv2dOptions& options) {
    const Initializer positive{Initializer::Kind::uniform, 0.5, 1};
    const Shape channels = {w[0]};
    const auto parameter = [&](const char* what, const Initializer& initializer) {
      return graph.parameter(name + what, channels, initializer);
    };
    const Initializer around_zero{Initializer::Kind::uniform, 0.1};
    const Var filters = graph.parameter(name + ".w", std::move(w), around_zero);
    x = conv2d(x, filters, parameter(".b", around_zero), options);
    x = relu(batch_norm_inference(
        x, parameter(".mean", around_zero), parameter(".var", positive),
        Affine{parameter(".gamma", positive), parameter(".beta", around_zero)}));
  };
  layer("3x3", {36, 3, 3, 34}, {.padding = {1, 1, 1, 1}});
  layer("depthwise", {36, 3, 3, 1}, {.padding = {1, 1, 1, 1}, .groups = 36});
  layer("1x1", {8, 1, 1, 36}, {});
  layer("strided", {5, 3, 3, 8}, {.stride = {2, 2}});
  if (folded) fold_norms(graph);
  graph.set_output("y", x);
  return graph;
}

}  // namespace

TEST_CASE("what a run keeps of parameters follows them") {
  on_each_device([](Device& device) {
    const Graph apart = norms_graph(false), folded = norms_graph(true);
    Params params(device);
    params.add(apart, 1);
    const auto plain = device.compile(plan_for(device, apart), params);
    const auto kept = device.compile(plan_for(device, folded), params);
    CHECK(kept->memory().total() > plain->memory().total());
    CHECK(kept->memory().prepared > 0);
    Floats x(7 * 12 * 12 * 34);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7 % 31) / 16 - 1;
    set(*plain, "x", x);
    set(*kept, "x", x);
    const auto results = [&](Executable& executable) {
      executable.run();
      return read(executable, "y", 7 * 5 * 5 * 5);
    };
    Floats before;
    for (const char* changed : {"", "3x3.w", "depthwise.w", "1x1.gamma", "strided.var"}) {
      INFO("changed: ", changed);
      if (*changed) {
        Floats values = params.read_floats(changed);
        for (float& value : values) value *= 1.5f;
        params.write(changed, std::as_bytes(std::span(values)));
      }
      const Floats expected = results(*plain), found = results(*kept);
      CHECK(found != before);
      for (std::size_t i = 0; i < found.size(); ++i)
        REQUIRE(found[i] == doctest::Approx(expected[i]).epsilon(1e-4));
      CHECK(results(*kept) == found);  // nothing was prepared anew
      before = found;
    }
  });
}

}  // namespace tessera
