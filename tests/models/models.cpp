// The models: how many parameters they have, what they take and what they refuse.
#include "tessera/models.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <span>

#include "tessera/error.h"
#include "tessera/layers.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

Var image(Graph& graph, std::int64_t height, std::int64_t width, std::int64_t channels = 3) {
  return graph.input("image", {DType::f32, {2, height, width, channels}});
}

std::int64_t parameters(const std::string& name, std::int64_t side, std::int64_t classes,
                        std::int64_t channels = 3) {
  Graph graph(Mode::training);
  append_model(name, image(graph, side, side, channels), classes);
  std::int64_t count = 0;
  for (const Value& value : graph.values())
    if (value.role == Role::parameter) count += value.spec.elements();
  return count;
}

/// Gray images for small sides; checks what the model gives.
void append(const ModelInfo& model, std::int64_t side) {
  const std::int64_t channels = side < 32 ? 1 : 3;
  Graph graph;
  if (model.classifier) {
    const ImageModel made = make_model(model.name, {side, side, channels, {}}, {"a", "b", "c"});
    append_classifier(graph, made, 2);  // checks the logits
  } else {
    const Var y = append_model(model.name, image(graph, side, side + 1, channels), 4);
    CHECK(y.shape() == Shape{2, side, side + 1, 4});
  }
}

}  // namespace

TEST_CASE("models have as many parameters as torchvision's, or as published") {
  const std::map<std::string, std::int64_t> published = {
      {"alexnet", 61'100'840},
      {"vgg11", 132'863'336},
      {"vgg13", 133'047'848},
      {"vgg16", 138'357'544},
      {"vgg19", 143'667'240},
      {"vgg11_bn", 132'868'840},
      {"vgg13_bn", 133'053'736},
      {"vgg16_bn", 138'365'992},
      {"vgg19_bn", 143'678'248},
      {"googlenet", 6'624'904},
      {"squeezenet1_1", 1'235'496},
      {"densenet121", 7'978'856},
      {"resnet18", 11'689'512},
      {"resnet34", 21'797'672},
      {"resnet50", 25'557'032},
      {"resnet101", 44'549'160},
      {"mobilenet_v1", 4'231'976},
      {"mobilenet_v2", 3'504'872},
      {"efficientnet_b0", 5'288'548},
      {"tutorial", 62'006},
      {"lenet5", 62'006},
      {"resnet20", 269'722},
      {"resnet32", 464'154},
      {"resnet44", 658'586},
      {"resnet56", 853'018},
      {"resnet110", 1'727'962},
      {"unet", 1'927'042},
      {"vit_tiny", 5'362'762},
      {"vgg11_bn_cifar", 9'231'114},
      {"mobilenet_v2_cifar", 2'236'682},
  };
  const std::vector<ModelInfo> models = list_models();
  CHECK(models.size() == published.size());
  for (const ModelInfo& model : models) {
    CAPTURE(model.name);
    REQUIRE(published.count(model.name) == 1);
    CHECK(parameters(model.name, model.side, model.classes) == published.at(model.name));
  }
}

TEST_CASE("models take small and gray images, or name the smallest ones") {
  const std::map<std::string, std::int64_t> least = {
      {"alexnet", 63},  {"vgg11", 32},       {"vgg13", 32},         {"vgg16", 32},
      {"vgg19", 32},    {"vgg11_bn", 32},    {"vgg13_bn", 32},      {"vgg16_bn", 32},
      {"vgg19_bn", 32}, {"densenet121", 29}, {"vgg11_bn_cifar", 32}};
  for (const ModelInfo& model : list_models()) {
    CAPTURE(model.name);
    for (const std::int64_t side : {28, 32, 63}) {
      CAPTURE(side);
      const bool any =
          model.name != "tutorial" && model.name != "lenet5" && model.name != "vit_tiny";
      if (side > 32 && !any) continue;
      const auto found = least.find(model.name);
      const bool fits = found == least.end() || side >= found->second;
      const std::string expected =
          fits ? ""
               : fmt::format("[{0}] images are {1}x{1}, expected at least {2}x{2}", model.name,
                             side, found->second);
      CHECK(refusal([&] { append(model, side); }) == expected);
    }
  }
}

TEST_CASE("unknown models and images that do not fit are refused in one line") {
  const auto refused = [](const std::string& name, const Shape& shape) {
    return refusal([&] {
      Graph graph;
      append_model(name, graph.input("image", {DType::f32, shape}), 10);
    });
  };
  CHECK(refused("resnet19", {1, 32, 32, 3})
            .starts_with("[model] there is no model 'resnet19'; there are: tutorial, "));
  CHECK(refused("resnet18", {1, 3}) == "[resnet18] images are f32[1,3], expected 4 dimensions");
  CHECK(refused("unet", {1, 7, 9, 3}) == "[unet] images are 7x9, expected at least 8x8");
  CHECK(refused("vit_tiny", {1, 30, 32, 3}) ==
        "[vit_tiny] images are 30x32, expected rows and columns that are multiples of 4");
  CHECK(refused("vit_tiny", {1, 3, 32, 3}) == "[vit_tiny] images are 3x32, expected at least 4x4");
  CHECK_THROWS_WITH_AS(make_model("unet", {32, 32, 3, {}}, {"a"}),
                       "[unet] returns one class per pixel, expected an image classifier", Error);
}

TEST_CASE("stochastic depth drops whole samples in training, and nothing elsewhere") {
  const auto device = open_device("cpu");
  Graph graph(Mode::training);
  constexpr std::int64_t samples = 64, size = 2 * 3 * 5;
  const Var x = graph.constant({samples, 2, 3, 5}, 3);
  CHECK(layers::stochastic_depth(x, "off", 0).id() == x.id());
  graph.set_output("y", layers::stochastic_depth(x, "depth", 0.25));
  const Plan plan(std::move(graph), device->plan_options());
  Params params(*device);
  params.add(plan.graph(), 0);
  const auto executable = device->compile(plan, params);
  executable->run();
  std::vector<float> y(samples * size);
  executable->read_output("y", std::as_writable_bytes(std::span(y)));
  int dropped = 0;
  for (std::size_t n = 0; n < samples; ++n) {
    const float first = y[n * size];
    REQUIRE((first == 0 || first == doctest::Approx(4)));
    for (std::size_t i = 0; i < size; ++i) REQUIRE(y[n * size + i] == first);
    dropped += first == 0;
  }
  CHECK(dropped >= 6);
  CHECK(dropped <= 26);
  Graph inference;
  const Var z = image(inference, 4, 4);
  CHECK(layers::stochastic_depth(z, "depth", 0.25).id() == z.id());
}

}  // namespace tessera
