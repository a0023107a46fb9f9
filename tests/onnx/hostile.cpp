// Nodes that no exporter writes: each operator with ranks 0 to 6, without elements, with attributes
// and settings at the edge of what fits, with too few and too many inputs. Each is imported and
// run, or refused with one Error. TESSERA_HOSTILE_SECONDS: for so long random ones follow.
// TESSERA_HOSTILE_SEEDS: a folder that gets a net of each operator, for fuzzing to start from.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "tessera/error.h"
#include "tessera/onnx.h"
#include "tests/devices.h"
#include "tests/onnx/hostile_rows.h"

namespace tessera {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
const std::vector<std::int64_t> extremes = {0,
                                            1,
                                            -1,
                                            3,
                                            1 << 20,
                                            largest,
                                            smallest,
                                            std::int64_t{1} << 31,
                                            smallest + 1,
                                            std::int64_t{1} << 32};
const std::vector<double> numbers = {0,
                                     -1,
                                     1e-30,
                                     1e30,
                                     std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<double>::quiet_NaN()};
const std::vector<std::string> texts = {"",       "reflect", "SAME_UPPER", "VALID",
                                        "linear", "...i->i", "ii,jj->ij",  "CRD",
                                        "cubic",  "edge",    "not_larger"};

std::vector<std::string> words_of(const std::string& text, char end = ' ') {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; std::getline(stream, word, end);) words.push_back(word);
  return words;
}

std::vector<std::int64_t> numbers_of(const std::string& text, char end) {
  std::vector<std::int64_t> found;
  for (const std::string& word : words_of(text, end)) found.push_back(std::stoll(word));
  return found;
}

/// A tensor of the net. Integers are known before it runs.
struct Input {
  std::vector<std::int64_t> shape;
  bool integers = false;
  std::vector<std::int64_t> values = {};
  bool missing = false;
};

struct Net {
  std::string op;
  std::vector<Input> inputs;
  std::vector<onnx::AttributeProto> attributes;
  bool known = false;  ///< the first input too
  int outputs = 1;
  int opset = 18;
};

Input input_of(const std::string& text) {
  if (text[0] == 'f') return {numbers_of(text.substr(1), 'x')};
  const std::size_t colon = text.find(':');
  return {{std::stoll(text.substr(1, colon - 1))}, true, numbers_of(text.substr(colon + 1), ',')};
}

/// Its name without the sign of its type.
std::string name_of(const std::string& attribute) {
  return attribute.substr(0, attribute.find_first_of(".[{$="));
}

template <typename Value>
onnx::AttributeProto integers(const std::string& name, const Value& values) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (std::int64_t value : values) attribute.add_ints(value);
  return attribute;
}

/// The attribute with a value that its type and `i` choose.
onnx::AttributeProto attribute_of(const std::string& text, std::size_t i) {
  const std::string name = name_of(text);
  const std::int64_t value = extremes[i % extremes.size()];
  const double number = numbers[i % numbers.size()];
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  if (text.find(".[]") != std::string::npos) {
    attribute.set_type(onnx::AttributeProto::FLOATS);
    for (std::size_t n = 0; n < i / numbers.size() % 5; ++n)
      attribute.add_floats(static_cast<float>(number));
  } else if (text.find("[]") != std::string::npos) {
    return integers(name, std::vector<std::int64_t>(i / extremes.size() % 9, value));
  } else if (text.find('.') != std::string::npos) {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(number));
  } else if (text.find('$') != std::string::npos) {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(texts[i % texts.size()]);
  } else if (text.find("{}") != std::string::npos) {
    attribute.set_type(onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->set_data_type(i % 2 == 0 ? onnx::TensorProto::FLOAT
                                                    : onnx::TensorProto::INT64);
    attribute.mutable_t()->add_dims(value);
  } else {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  return attribute;
}

/// What the operator needs.
std::optional<onnx::AttributeProto> needed(const std::string& text) {
  const std::size_t equal = text.find('=');
  if (equal == std::string::npos) return {};
  onnx::AttributeProto attribute = attribute_of(text, 0);
  const std::string value = text.substr(equal + 1);
  if (attribute.type() == onnx::AttributeProto::INTS)
    return integers(name_of(text), numbers_of(value, ','));
  if (attribute.type() == onnx::AttributeProto::STRING) attribute.set_s(value);
  if (attribute.type() == onnx::AttributeProto::INT) attribute.set_i(std::stoll(value));
  return attribute;
}

Net best(const Row& row) {
  Net net{row.op, {}, {}};
  for (const std::string& word : words_of(row.inputs)) net.inputs.push_back(input_of(word));
  for (const std::string& word : words_of(row.attributes))
    if (const auto attribute = needed(word)) net.attributes.push_back(*attribute);
  return net;
}

Net with(Net net, const onnx::AttributeProto& attribute) {
  std::erase_if(net.attributes,
                [&](const auto& other) { return other.name() == attribute.name(); });
  net.attributes.push_back(attribute);
  return net;
}

void add_initializer(onnx::GraphProto& graph, const std::string& name, const Input& input) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  std::int64_t count = 1;
  for (std::int64_t size : input.shape) {
    tensor.add_dims(size);
    count *= size;
  }
  tensor.set_data_type(input.integers ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT);
  for (std::int64_t i = 0; i < count; ++i) {
    if (input.integers)
      tensor.add_int64_data(input.values[static_cast<std::size_t>(i) % input.values.size()]);
    else
      tensor.add_float_data(static_cast<float>(i + 1));
  }
}

std::string bytes_of(const Net& net) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(net.opset);
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(net.op);
  for (std::size_t i = 0; i < net.inputs.size(); ++i) {
    const Input& input = net.inputs[i];
    const std::string name = "x" + std::to_string(i);
    node.add_input(input.missing ? "" : name);
    if (i > 0 || net.known || input.integers) {
      add_initializer(graph, name, input);
      continue;
    }
    auto& type = *graph.add_input();
    type.set_name(name);
    for (std::int64_t size : input.shape)
      type.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(size);
  }
  for (const auto& attribute : net.attributes) *node.add_attribute() = attribute;
  for (int i = 0; i < net.outputs; ++i) node.add_output("y" + std::to_string(i));
  graph.add_output()->set_name("y0");
  return model.SerializeAsString();
}

/// Imports nets and runs those that are not large.
class Victim {
 public:
  Victim() : device_(open_device("cpu")) {}
  ~Victim() { std::filesystem::remove(path_); }

  void take(const Net& net) {
    std::filesystem::remove(path_);  // some file systems flush one that is written again
    std::ofstream(path_, std::ios::binary) << bytes_of(net);
    std::string message;
    try {
      run(net);
      ++taken;
    } catch (const Error& error) {
      message = error.what();
      ++refused;
    }
    CHECK_MESSAGE(message.find('\n') == std::string::npos, net.op << ": " << message);
  }

  int taken = 0, refused = 0;

 private:
  void run(const Net& net) {
    const OnnxNet imported(path_);
    Graph graph;
    std::vector<Var> inputs;
    for (const auto& input : imported.inputs())
      inputs.push_back(graph.input(input.name, {DType::f32, net.inputs[0].shape}));
    graph.set_output("y", add(imported.append(graph, inputs, {"y0"})[0], 0));
    std::int64_t elements = 0;
    for (const Value& value : graph.values()) {
      elements += value.spec.elements();
      if (elements > 100'000) return;
    }
    Params params(*device_);
    params.add(graph, 1);
    const auto executable = device_->compile(Plan(graph, device_->plan_options()), params);
    for (const auto& input : imported.inputs()) {
      const std::vector<float> x(
          static_cast<std::size_t>(graph.value(graph.find(input.name)).spec.elements()), 0.5F);
      executable->set_input(input.name, std::as_bytes(std::span(x)));
    }
    executable->run();
  }

  std::string path_ = (std::filesystem::temp_directory_path() /
                       ("tessera-hostile-" + std::to_string(::getpid()) + ".onnx"))
                          .string();
  std::unique_ptr<Device> device_;
};

void try_ranks(Victim& victim, const Net& net) {
  for (std::size_t i = 0; i < net.inputs.size(); ++i)
    for (std::size_t rank = 0; rank <= 6; ++rank)
      for (std::int64_t size : {2, 0, 1, 3}) {
        Net other = net;
        const bool integers = net.inputs[i].integers;
        other.inputs[i].shape.assign(integers ? rank % 3 : rank, size);
        victim.take(other);
        for (Input& input : other.inputs)
          if (!input.integers) input.shape.assign(rank, size);
        for (bool known : {false, true}) {
          other.known = known;
          victim.take(other);
        }
      }
}

void try_settings(Victim& victim, const Net& net) {
  for (std::size_t i = 0; i < net.inputs.size(); ++i)
    for (std::int64_t value : extremes)
      for (std::int64_t count : {0, 1, 2, 4, 8, 40})
        for (bool known : {false, true}) {
          Net other = net;
          other.known = known;
          other.inputs[i] = {{count}, true, {value}};
          victim.take(other);
        }
}

void try_counts(Victim& victim, const Net& net) {
  for (std::size_t count = 0; count < net.inputs.size() + 3; ++count) {
    Net other = net;
    other.inputs.resize(count, Input{{1, 4}});
    for (int outputs : {1, 0, 3}) {
      other.outputs = outputs;
      victim.take(other);
    }
    other.outputs = 1;
    for (Input& input : other.inputs) {
      input.missing = true;
      victim.take(other);
      input.missing = false;
    }
  }
}

void try_attributes(Victim& victim, const Row& row, const Net& net) {
  for (const std::string& attribute : words_of(row.attributes)) {
    Net without = net;
    std::erase_if(without.attributes,
                  [&](const auto& other) { return other.name() == name_of(attribute); });
    victim.take(without);
    for (std::size_t i = 0; i < 9 * extremes.size(); ++i)
      for (int opset : {18, 9}) {  // settings are attributes in the old ones
        Net other = with(net, attribute_of(attribute, i));
        other.opset = opset;
        if (opset == 9) other.inputs.resize(1);
        victim.take(other);
        other.inputs = net.inputs;
        victim.take(other);
      }
    onnx::AttributeProto mistyped = attribute_of(attribute, 1);
    mistyped.set_type(onnx::AttributeProto::SPARSE_TENSOR);
    victim.take(with(net, mistyped));
  }
}

/// Several of these at once.
Net any_net(std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const Row& row = rows[below(std::size(rows))];
  Net net = best(row);
  for (Input& input : net.inputs) {
    if (below(3) == 0 && !input.integers) {
      input.shape.assign(below(7), 1);
      for (std::int64_t& size : input.shape) size = static_cast<std::int64_t>(below(5));
    }
    if (below(4) == 0) {
      const auto count = static_cast<std::int64_t>(below(6));
      input = {{count}, true, {0}};
      for (std::int64_t i = 0; i < count; ++i)
        input.values.push_back(below(3) == 0 ? extremes[below(extremes.size())]
                                             : static_cast<std::int64_t>(below(9)) - 4);
      std::reverse(input.values.begin(), input.values.end());
    }
    input.missing = below(20) == 0;
  }
  for (const std::string& attribute : words_of(row.attributes))
    if (below(2) == 0) {
      onnx::AttributeProto value = attribute_of(attribute, below(1000));
      for (std::int64_t& number : *value.mutable_ints())
        if (below(2) == 0) number = static_cast<std::int64_t>(below(7)) - 2;
      net = with(net, value);
    }
  net.known = below(3) == 0;
  net.outputs = 1 + static_cast<int>(below(3));
  net.opset = below(2) == 0 ? 18 : 7 + static_cast<int>(below(22));
  return net;
}

}  // namespace

TEST_CASE("there is a row of hostile nodes for each operator") {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.op);
  CHECK(names == onnx_operators());
}

TEST_CASE("seeds for fuzzing") {
  const char* const folder = std::getenv("TESSERA_HOSTILE_SEEDS");
  if (!folder) return;
  for (const Row& row : rows)
    std::ofstream(std::filesystem::path(folder) / row.op, std::ios::binary) << bytes_of(best(row));
}

TEST_CASE("hostile nodes are run or refused") {
  Victim victim;
  for (const Row& row : rows) {
    INFO(std::string(row.op));
    const Net net = best(row);
    const int before = victim.taken;
    victim.take(net);
    CHECK((victim.taken > before || net.op == "If"));
    try_ranks(victim, net);
    try_settings(victim, net);
    try_counts(victim, net);
    try_attributes(victim, row, net);
  }
  MESSAGE(victim.taken << " run, " << victim.refused << " refused");
}

TEST_CASE("random hostile nodes are run or refused") {
  const char* const wanted = std::getenv("TESSERA_HOSTILE_SECONDS");
  const std::chrono::seconds time(wanted ? std::atoll(wanted) : 2);
  Victim victim;
  std::mt19937_64 random(wanted ? std::random_device()() : 1);
  for (const auto end = std::chrono::steady_clock::now() + time;
       std::chrono::steady_clock::now() < end;)
    victim.take(any_net(random));
  MESSAGE(victim.taken << " run, " << victim.refused << " refused");
}

}  // namespace tessera
