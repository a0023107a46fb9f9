// Weights from and for PyTorch: what the graph says about their layouts.
#include "tessera/state_dict.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>

#include "tessera/classifier.h"
#include "tessera/layers.h"
#include "tests/data/temporary_folder.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

Var image(Graph& graph, const Shape& shape = {2, 4, 5, 3}) {
  return graph.input("x", {DType::f32, shape});
}

/// 0, 1, 2, ... in the order of PyTorch as this library has them.
std::vector<float> counted(const TorchLayout& layout) {
  std::vector<float> numbers(static_cast<std::size_t>(element_count(layout.shape)));
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const std::vector<float> ours = from_torch(layout, numbers);
  CHECK(to_torch(layout, ours) == numbers);
  return ours;
}

/// A net with all kinds of parameters.
Var net(Var x) {
  x = layers::conv2d(x, "conv", 6, {2, 3}, {.stride = {2, 2}, .groups = 3});
  x = layers::batch_norm2d(x, "bn");
  x = layers::conv_transpose2d(relu(x), "up", 4, 3);
  x = max_pool2d(x);
  x = flatten(layers::dropout(x, "drop"));
  return layers::dense(x, "fc", 2);
}

TensorFile::Tensor tensor(const Shape& shape, float first) {
  TensorFile::Tensor result{{DType::f32, shape}, {}};
  result.bytes.resize(result.spec.bytes());
  for (std::size_t i = 0; i < result.bytes.size() / sizeof(float); ++i) {
    const float value = first + static_cast<float>(i);
    std::memcpy(result.bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return result;
}

TensorFile torch_file(const Graph& graph) {
  TensorFile file;
  for (const auto& [name, layout] : torch_layouts(graph))
    file.tensors[name] = tensor(layout.shape, static_cast<float>(file.tensors.size()) / 100);
  file.tensors["bn.num_batches_tracked"] = {{DType::i32, {}}, std::vector<std::byte>(4)};
  return file;
}

}  // namespace

TEST_CASE("filters have their channels first in PyTorch") {
  Graph graph;
  net(image(graph, {2, 8, 9, 3}));
  const auto layouts = torch_layouts(graph);
  REQUIRE(layouts.size() == 10);
  CHECK(layouts.at("conv.weight").shape == Shape{6, 1, 2, 3});
  CHECK(layouts.at("conv.bias").shape == Shape{6});
  CHECK(layouts.at("bn.running_var").shape == Shape{6});
  const TorchLayout& up = layouts.at("up.weight");
  CHECK(up.shape == Shape{6, 4, 3, 3});
  const std::vector<float> w = counted(up);  // [C,R,S,K]
  for (std::size_t c = 0; c < 6; ++c)
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t rs = 0; rs < 9; ++rs)
        REQUIRE(w[(c * 9 + rs) * 4 + k] == static_cast<float>((c * 4 + k) * 9 + rs));
}

TEST_CASE("what follows a flattened image has its columns by channel in PyTorch") {
  Graph graph;
  Var x = relu(flatten(max_pool2d(image(graph))));  // [2,2,2,3]
  x = layers::batch_norm2d(x, "bn");
  x = layers::dense(add(x, x), "fc1", 2);
  layers::dense(relu(x), "fc2", 2);
  const auto layouts = torch_layouts(graph);
  const std::vector<float> row = {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11};
  CHECK(counted(layouts.at("bn.weight")) == row);
  CHECK(counted(layouts.at("bn.running_mean")) == row);
  const TorchLayout& fc1 = layouts.at("fc1.weight");
  CHECK(fc1.shape == Shape{2, 12});
  std::vector<float> rows = row;
  for (float value : row) rows.push_back(value + 12);
  CHECK(counted(fc1) == rows);
  CHECK(counted(layouts.at("fc2.weight")) == std::vector<float>{0, 1, 2, 3});
}

TEST_CASE("tokens are flattened alike, 1-D convolutions not") {
  Graph graph;
  const Var patches =
      layers::conv2d(image(graph, {2, 4, 4, 3}), "patches", 5, 2, {.stride = {2, 2}});
  layers::dense(flatten(reshape(patches, {2, 4, 5})), "tokens", 3);
  const Var w = graph.parameter("w", {2, 3, 5}, {});
  const Var y = conv1d(graph.input("row", {DType::f32, {2, 4, 5}}), w);
  layers::dense(flatten(relu(y)), "signal", 1);
  const auto layouts = torch_layouts(graph);
  const std::vector<float> tokens = counted(layouts.at("tokens.weight"));
  CHECK(std::is_sorted(tokens.begin(), tokens.end()));
  CHECK(layouts.at("w").shape == Shape{2, 5, 3});
  CHECK(counted(layouts.at("signal.weight")) == std::vector<float>{0, 2, 1, 3});
}

TEST_CASE("where the order of columns cannot be told, it is not guessed") {
  Graph graph;
  const Var columns = flatten(max_pool2d(image(graph)));
  layers::dense(slice(columns, 1, 3, 8), "fc", 2);
  CHECK(refusal([&] { torch_layouts(graph); }) ==
        "[state_dict] cannot tell how PyTorch orders the elements of 'fc.weight' [2,5]");
}

TEST_CASE("a state dict comes back as it was loaded") {
  const auto device = open_device("cpu");
  Graph graph;
  net(image(graph, {2, 8, 9, 3}));
  Params params(*device);
  params.add(graph, 1);
  TensorFile file = torch_file(graph);
  load_state_dict(file, graph, params);
  file.tensors.erase("bn.num_batches_tracked");
  const TensorFile found = state_dict(graph, params);
  REQUIRE(found.tensors.size() == file.tensors.size());
  for (const auto& tensor : file.tensors) {
    CAPTURE(tensor.first);
    CHECK(found.tensors.at(tensor.first).spec == tensor.second.spec);
    CHECK(found.tensors.at(tensor.first).bytes == tensor.second.bytes);
  }
  CHECK(params.read_floats("conv.bias") != params.read_floats("bn.running_mean"));
}

TEST_CASE("a network exports and takes its own state dict") {
  const auto device = open_device("cpu");
  ImageModel model;
  model.input.height = 8;
  model.input.width = 9;
  model.input.channels = 3;
  model.classes = {"a", "b"};
  model.build = net;
  ImageClassifier one(*device, model, 1), other(*device, model, 2);
  REQUIRE(one.params().read("fc.weight") != other.params().read("fc.weight"));
  load_state_dict(state_dict(one), other);
  CHECK(one.params().read("fc.weight") == other.params().read("fc.weight"));
}

TEST_CASE("a state dict that does not fit is refused in one line, and nothing is written") {
  const auto device = open_device("cpu");
  Graph graph;
  net(image(graph, {2, 8, 9, 3}));
  Params params(*device);
  params.add(graph, 1);
  const std::vector<float> before = params.read_floats("bn.weight");
  TensorFile file = torch_file(graph);
  file.tensors["conv.weight"].spec.shape = {6, 2, 3, 1};  // this library's layout
  file.tensors.erase("fc.bias");
  file.tensors["head.bias"] = tensor({2}, 0);
  CHECK(refusal([&] { load_state_dict(file, graph, params); }) ==
        "[state_dict] does not fit: 'conv.weight' is f32[6,2,3,1], expected f32[6,1,2,3]; "
        "'fc.bias' is missing; 'head.bias' is unexpected");
  CHECK(params.read_floats("bn.weight") == before);
}

TEST_CASE("names that wrappers change are recognized") {
  Graph graph;
  net(image(graph, {2, 8, 9, 3}));
  const TensorFile plain = torch_file(graph);
  const auto device = open_device("cpu");
  for (const char* prefix : {"module.", "_orig_mod.", "model.", "state_dict.", "module._orig_mod.",
                             "state_dict.model.module.", "_orig_mod.module."}) {
    CAPTURE(prefix);
    TensorFile wrapped;
    for (const auto& [name, tensor] : plain.tensors) wrapped.tensors[prefix + name] = tensor;
    Params params(*device), expected(*device);
    params.add(graph, 1);
    expected.add(graph, 2);
    load_state_dict(wrapped, graph, params);
    load_state_dict(plain, graph, expected);
    for (const auto& [name, layout] : torch_layouts(graph))
      CHECK(params.read(name) == expected.read(name));
  }
  const auto layouts = torch_layouts(graph);
  TensorFile file = plain;
  file.tensors["module.fc.bias"] = file.tensors["fc.bias"];
  CHECK(refusal([&] { names_in_file(file, layouts); }) ==
        "[state_dict] 'fc.bias' is duplicated, as \"fc.bias\" and as \"module.fc.bias\"");
  // A part of a model that was wrapped alone; and a name of its own that begins like a prefix.
  file = plain;
  auto part = file.tensors.extract("conv.weight");
  part.key() = "conv.module.weight";
  file.tensors.insert(std::move(part));
  CHECK(names_in_file(file, layouts).at("conv.weight") == "conv.module.weight");
  const TensorFile own{{}, {{"model.w", tensor({2}, 0)}}};
  CHECK(names_in_file(own, {{"model.w", {{2}, {2}, {0}}}}).at("model.w") == "model.w");
}

TEST_CASE("weights are read from several files by their index") {
  const tests::TemporaryFolder folder;
  const std::string path = folder / "model.safetensors.index.json";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  const auto error = [&](const std::string& text) {
    write(text);
    return refusal([&] { read_weights(path); });
  };
  write_safetensors(folder / "one", {{}, {{"a", tensor({2}, 1)}, {"spare", tensor({1}, 0)}}});
  write_safetensors(folder / "two", {{}, {{"b", tensor({3}, 5)}}});
  write(R"({"metadata":{"total_size":20},"weight_map":{"a":"one","b":"two"}})");
  const TensorFile all = read_weights(path);
  REQUIRE(all.tensors.size() == 2);
  CHECK(all.tensors.at("a").bytes == tensor({2}, 1).bytes);
  CHECK(all.tensors.at("b").bytes == tensor({3}, 5).bytes);
  const std::string where = "[" + path + "] ";
  CHECK(error(R"({"weight_map":{"c":"one"}})") == where + "\"one\" has no tensor \"c\"");
  CHECK(error(R"({"weight_map":{"a":"none"}})") ==
        where + "[" + (folder / "none") + "] no such file");
  for (const char* out : {"../one", "/etc/passwd", "a/one", "..", ".", ""})
    CHECK(
        error(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", out)) ==
        fmt::format("{}tensor \"a\" is in \"{}\", expected a file of the same folder", where, out));
  CHECK(error("{}") == where + "'weight_map' is missing");
  CHECK(error(R"({"weight_map":[]})") == where + "'weight_map' is [], expected an object");
  CHECK(error(R"({"weight_map":{"a":1}})") == where + "the file of \"a\" is 1, expected a text");
  CHECK(error(std::string(200000, '[')) == where + "it is nested deeper than 16");
  CHECK(error("[") == where + "it is not JSON (at byte 2)");
}

}  // namespace tessera
