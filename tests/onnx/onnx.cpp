// Import of small ONNX nets, which stand here as text, and what damaged files are told.
#include "tessera/onnx.h"

#include <doctest/doctest.h>
#include <google/protobuf/text_format.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/devices.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

/// A folder that goes with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("tessera-onnx-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path / "nets"); }
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& bytes) const {
    const fs::path file = path / "nets" / name;
    std::ofstream(file, std::ios::binary) << bytes;
    return file.string();
  }
};

std::string bytes_of(const std::string& text) {
  onnx::ModelProto model;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &model));
  return model.SerializeAsString();
}

std::string with_nodes(const std::string& nodes, int opset = 13) {
  return "ir_version: 7 opset_import { version: " + std::to_string(opset) + " } graph { " + nodes +
         R"( input { name: "x" type { tensor_type { elem_type: 1 shape {
               dim { dim_param: "n" } dim { dim_value: 2 } dim { dim_value: 3 } dim { dim_value: 2 }
             } } } } output { name: "y" } })";
}

std::string node(const std::string& op, const std::string& inputs, const std::string& output,
                 const std::string& attributes = {}) {
  std::string text = "node { op_type: '" + op + "' output: '" + output + "' " + attributes;
  for (std::size_t begin = 0; begin < inputs.size();) {
    const std::size_t end = std::min(inputs.find(' ', begin), inputs.size());
    text += " input: '" + inputs.substr(begin, end - begin) + "'";
    begin = end + 1;
  }
  return text + " } ";
}

std::string weights(const std::string& name, const std::string& dims, const std::string& data) {
  return "initializer { name: '" + name + "' data_type: 1 " + dims + " " + data + " } ";
}

// The first filter keeps channel 1, the second adds both.
const std::string filters =
    weights("w", "dims: 2 dims: 2 dims: 1 dims: 1", "float_data: [0, 1, 1, 1]");
const std::string norm = weights("scale", "dims: 2", "float_data: [2, 1]") +
                         weights("bias", "dims: 2", "float_data: [1, 0]") +
                         weights("mean", "dims: 2", "float_data: [0.5, -1]") +
                         weights("var", "dims: 2", "float_data: [3.99999, 0.99999]");
// Reshape to [n, -1], as PyTorch writes it.
const std::string flatten =
    node("Shape", "x", "shape") +
    node("Constant", "", "zero",
         "attribute { name: 'value' type: 4 t { data_type: 7 int64_data: 0 } }") +
    node("Gather", "shape zero", "n") + node("Unsqueeze", "n axes", "n1") +
    node("Concat", "n1 rest", "to", "attribute { name: 'axis' i: 0 }") +
    node("Reshape", "z to", "y") +
    "initializer { name: 'axes' data_type: 7 dims: 1 int64_data: 0 } "
    "initializer { name: 'rest' data_type: 7 dims: 1 int64_data: -1 } ";
const std::string net =
    with_nodes(node("Conv", "x w", "c") + node("BatchNormalization", "c scale bias mean var", "b") +
               node("Relu", "b", "z") + flatten + filters + norm);

std::vector<float> run(Device& device, const OnnxNet& imported, std::int64_t batch,
                       const std::vector<float>& x) {
  Graph graph;
  const Var y = imported.append(graph, {graph.input("x", {DType::f32, {batch, 2, 3, 2}})})[0];
  CHECK(y.shape() == Shape{batch, 12});
  graph.set_output("y", y);
  Params params(device);
  params.add(graph, 0);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  executable->set_input("x", std::as_bytes(std::span(x)));
  executable->run();
  std::vector<float> result(static_cast<std::size_t>(batch * 12));
  executable->read_output("y", std::as_writable_bytes(std::span(result)));
  return result;
}

}  // namespace

TEST_CASE("an imported net computes what ONNX says") {
  const Folder folder;
  const OnnxNet imported(folder.write("net.onnx", bytes_of(net)));
  CHECK(imported.inputs()[0].shape == Shape{-1, 2, 3, 2});
  for (std::int64_t batch : {1, 3}) {
    std::vector<float> x, expected;
    for (std::int64_t i = 0; i < batch * 12; ++i) x.push_back(std::sin(static_cast<float>(i)) * 3);
    for (std::int64_t n = 0; n < batch; ++n)
      for (std::int64_t k = 0; k < 2; ++k)
        for (std::int64_t p = 0; p < 6; ++p) {
          const auto at = [&](std::int64_t c) {
            return static_cast<double>(x[static_cast<std::size_t>(n * 12 + c * 6 + p)]);
          };
          const double y = k == 0 ? (at(1) - 0.5) / 2 * 2 + 1 : at(0) + at(1) + 1;
          expected.push_back(static_cast<float>(std::max(0.0, y)));
        }
    for (const auto& device : open_usable_devices()) {
      const std::vector<float> found = run(*device, imported, batch, x);
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("an imported net is a classifier whose images are channels last") {
  const Folder folder;
  const ImageModel model = onnx_model(folder.write("net.onnx", bytes_of(net)));
  CHECK(model.input.height == 3);
  CHECK(model.input.width == 2);
  CHECK(model.input.channels == 2);
  CHECK(model.classes.size() == 12);
  Graph graph(Mode::training);
  append_classifier(graph, model, 5);
  std::vector<std::string> parameters;
  for (const Value& value : graph.values())
    if (value.role == Role::parameter) parameters.push_back(value.name);
  CHECK(parameters == std::vector<std::string>{"w", "scale", "bias"});
}

TEST_CASE("operators that are missing are listed together") {
  const Folder folder;
  const std::string path = folder.write(
      "net.onnx",
      bytes_of(with_nodes(node("Foo", "x", "a", "name: 'first'") +
                          node("Bar", "a", "b", "domain: 'com.example'") + node("Foo", "b", "y"))));
  CHECK(refusal([&] { OnnxNet{path}; }) ==
        "[onnx] '" + path +
            "' has operators that are not supported: Foo (nodes 'first', 'y'); com.example.Bar "
            "(node 'b')");
}

TEST_CASE("damaged files are refused") {
  const Folder folder;
  const auto refused = [&](const std::string& bytes) {
    const std::string path = folder.write("net.onnx", bytes);
    return refusal([&] { OnnxNet{path}; });
  };
  const std::string whole = bytes_of(net);
  CHECK(refused(whole.substr(0, whole.size() / 2)).find("is damaged or not an ONNX file") !=
        std::string::npos);
  CHECK(refused("").find("has no graph with outputs") != std::string::npos);
  CHECK(refused(bytes_of(with_nodes("", 5))).find("is of opset 5, expected 6 to 28") !=
        std::string::npos);
  CHECK(refused(bytes_of(with_nodes(weights("w", "dims: 3", "float_data: [1, 2]")))) ==
        "[onnx] tensor 'w' has 8 bytes, expected 12 as in [3]");
  CHECK(refusal([&] { OnnxNet{(folder.path / "none.onnx").string()}; }).find("cannot open") !=
        std::string::npos);
}

TEST_CASE("names that cannot be stored or printed are refused") {
  const Folder folder;
  const auto refused = [&](const std::string& name) {
    const std::string nodes = node("Relu", "x", name) + node("Relu", name, "y");
    return refusal([&] { OnnxNet{folder.write("net.onnx", bytes_of(with_nodes(nodes)))}; });
  };
  const auto message = [&](const std::string& shown) {
    return "[onnx] '" + (folder.path / "nets/net.onnx").string() + "' has the name '" + shown +
           "', expected UTF-8 text without control characters and of at most 1000 bytes";
  };
  CHECK(refused("\\344pfel") == message("\\xe4pfel"));  // Latin-1
  CHECK(refused("a\\033[31m") == message("a\\x1b[31m"));
  CHECK(refused(std::string(1001, 'a')) == message(std::string(40, 'a')));
  CHECK(refused("\\303\\244pfel") == "");
  CHECK(refused(std::string(1000, 'a')) == "");
}

TEST_CASE("external data lies in the folder of the net") {
  const Folder folder;
  const auto refused = [&](const std::string& location, const std::string& more = {}) {
    const std::string data = "data_location: EXTERNAL external_data { key: 'location' value: '" +
                             location + "' } " + more;
    const std::string path =
        folder.write("net.onnx", bytes_of(with_nodes(weights("w", "dims: 2", data))));
    return refusal([&] { OnnxNet{path}; });
  };
  folder.write("w.bin", "12345678");
  std::ofstream(folder.path / "outside.bin") << "12345678";
  fs::create_symlink(folder.path / "outside.bin", folder.path / "nets" / "link.bin");
  CHECK(refused("w.bin").empty());
  CHECK(refused("w.bin", "external_data { key: 'offset' value: '4' }") ==
        "[onnx] tensor 'w' has 8 bytes at 4 of 'w.bin', expected 8 of its 8 bytes");
  CHECK(refused("none.bin").find("cannot be read") != std::string::npos);
  for (const std::string location : {"../outside.bin", "/etc/passwd", "link.bin", "."})
    CHECK(refused(location).find("expected a file in the folder of the model") !=
          std::string::npos);
}

}  // namespace tessera
