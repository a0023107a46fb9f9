#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>

#include "engine/base/names.h"
#include "engine/base/philox.h"
#include "engine/files/bounded_json.h"
#include "engine/files/json_text.h"
#include "engine/files/user_folder.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/check.h"
#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/output_file.h"
#include "tessera/safetensors.h"

namespace tessera {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Bytes = std::vector<std::byte>;

constexpr Names<DType, 3> dtypes = {{{DType::f32, "f32"}, {DType::i32, "i32"}, {DType::u8, "u8"}}};

std::string specs_of(const Graph& graph, const std::vector<ValueId>& values) {
  std::vector<std::string> specs;
  for (ValueId value : values) specs.push_back(to_string(graph.value(value).spec));
  return fmt::format("{}", fmt::join(specs, ", "));
}

std::string place(const Shape& shape, std::int64_t element) {
  std::vector<std::int64_t> at(shape.size());
  for (std::size_t d = shape.size(); d-- > 0; element /= shape[d]) at[d] = element % shape[d];
  return fmt::format("[{}]", fmt::join(at, ","));
}

std::vector<double> numbers(const TensorSpec& spec, const Bytes& bytes) {
  std::vector<double> all(static_cast<std::size_t>(spec.elements()));
  const auto read = [&]<typename Number>(Number number) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::memcpy(&number, bytes.data() + i * sizeof number, sizeof number);
      all[i] = static_cast<double>(number);
    }
  };
  if (spec.dtype == DType::f32) read(float{});
  if (spec.dtype == DType::i32) read(std::int32_t{});
  if (spec.dtype == DType::u8) read(std::uint8_t{});
  return all;
}

/// Returns the relative difference; 0: practically equal.
double error_of(double found, double expected, double allowed) {
  if (std::isnan(expected) || found == expected)
    return std::isnan(found) || found == expected ? 0 : HUGE_VAL;
  const double error = std::abs(found - expected);
  return error <= allowed ? 0 : std::isnan(error) ? HUGE_VAL : error;
}

std::optional<Difference> difference(std::size_t output, const TensorSpec& spec, const Bytes& found,
                                     const Bytes& expected, double tolerance, double moves) {
  const std::vector<double> is = numbers(spec, found), should = numbers(spec, expected);
  double largest = 0;
  for (double x : should) largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
  const double allowed = spec.dtype == DType::f32 ? std::max(tolerance * largest, moves) : 0;
  std::vector<std::pair<double, std::int64_t>> wrong;
  for (std::size_t i = 0; i < is.size(); ++i)
    if (const double error = error_of(is[i], should[i], allowed); error > 0)
      wrong.emplace_back(-error, static_cast<std::int64_t>(i));
  if (wrong.empty()) return {};
  constexpr std::size_t most = 5;
  const std::size_t shown = std::min(most, wrong.size());
  std::partial_sort(wrong.begin(), wrong.begin() + static_cast<std::ptrdiff_t>(shown), wrong.end());
  Difference result{output, std::ssize(wrong), -wrong[0].first / std::max(largest, 1e-30), {}};
  for (std::size_t i = 0; i < shown; ++i) {
    const auto at = static_cast<std::size_t>(wrong[i].second);
    result.lines.push_back(fmt::format("{} is {:.7g}, expected {:.7g}",
                                       place(spec.shape, wrong[i].second), is[at], should[at]));
  }
  return result;
}

/// Returns the largest change of each output if the input floats change by up to `share`.
std::vector<double> moves_of(Device& reference, const NodeCase& c,
                             const std::vector<Bytes>& expected, double share) {
  NodeCase moved = c;
  Philox random(1, c.name);
  for (std::size_t i = 0; i < moved.inputs.size(); ++i) {
    if (c.graph.value(c.node().inputs[i]).spec.dtype != DType::f32) continue;
    Bytes& bytes = moved.inputs[i];
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      float x;
      std::memcpy(&x, bytes.data() + at, sizeof x);
      x *= 1 + static_cast<float>(share) * (2 * random.uniform() - 1);
      std::memcpy(bytes.data() + at, &x, sizeof x);
    }
  }
  const std::vector<Bytes> outputs = outputs_of(reference, moved);
  std::vector<double> moves(outputs.size(), 0);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorSpec& spec = c.graph.value(c.node().outputs[i]).spec;
    const std::vector<double> before = numbers(spec, expected[i]),
                              after = numbers(spec, outputs[i]);
    for (std::size_t k = 0; k < before.size(); ++k)
      if (std::isfinite(after[k] - before[k]))
        moves[i] = std::max(moves[i], std::abs(after[k] - before[k]));
  }
  return moves;
}

std::string json_path(const std::string& folder) { return folder + "/node.json"; }
std::string tensor_path(const std::string& folder) { return folder + "/node.safetensors"; }

std::string read_text(const std::string& path) {
  constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 20;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (!file || error) throw Error(path, "cannot be read");
  if (bytes > most_bytes)
    throw Error(path, fmt::format("has {} bytes, expected at most {}", bytes, most_bytes));
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Reads a node without its tensors.
NodeCase case_of(const json& j) {
  std::vector<TensorSpec> specs;
  for (const auto& input : member_of(j, "inputs"))
    specs.push_back({value_of(dtypes, "dtype", json_member<std::string>(input, "dtype")),
                     json_member<Shape>(input, "shape")});
  return {graph_of_one(json_member<std::string>(j, "op"), specs,
                       attributes_of(json_object(j, "attributes"))),
          {},
          json_member<std::string>(j, "node"),
          json_member<std::string>(j, "device"),
          json_member<std::string>(j, "algorithm")};
}

}  // namespace

NodeCase node_case(const NodeRun& run, const DeviceInfo& device) {
  std::vector<TensorSpec> specs;
  for (ValueId input : run.node().inputs) specs.push_back(run.graph.value(input).spec);
  return {graph_of_one(run.node().op->name, specs, run.node().attributes), run.inputs,
          run.node().name, fmt::format("{} ({}, {})", device.id, device.name, device.driver),
          run.choice.algorithm};
}

std::vector<Bytes> outputs_of(Device& device, const NodeCase& c) {
  Params params(device);
  params.add(c.graph, 0);
  const auto executable = device.compile(Plan(c.graph, device.plan_options()), params);
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const std::string name = fmt::format("{}", i);
    params.has(name) ? params.write(name, c.inputs[i]) : executable->set_input(name, c.inputs[i]);
  }
  executable->run();
  std::vector<Bytes> outputs;
  for (const auto& output : c.graph.outputs()) {
    Bytes& bytes = outputs.emplace_back(c.graph.value(output.value).spec.bytes());
    executable->read_output(output.name, bytes);
  }
  return outputs;
}

std::vector<Difference> differences(Device& reference, const NodeCase& c,
                                    const std::vector<Bytes>& found, double tolerance) {
  const std::vector<Bytes> expected = outputs_of(reference, c);
  const auto compare = [&](const std::vector<double>& moves) {
    std::vector<Difference> all;
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (auto wrong = difference(i, c.graph.value(c.node().outputs[i]).spec, found.at(i),
                                  expected[i], tolerance, moves[i]))
        all.push_back(std::move(*wrong));
    return all;
  };
  const auto wrong = compare(std::vector<double>(expected.size(), 0));
  return wrong.empty() ? wrong : compare(moves_of(reference, c, expected, tolerance));
}

std::string described(const NodeCase& c) {
  return fmt::format("{} {} -> {}", c.node().op->name, specs_of(c.graph, c.node().inputs),
                     specs_of(c.graph, c.node().outputs));
}

void save_case(const std::string& folder, const NodeCase& c) {
  make_folder(folder);
  ordered_json inputs = ordered_json::array();
  TensorFile tensors;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const TensorSpec& spec = c.graph.value(c.node().inputs[i]).spec;
    inputs.push_back({{"dtype", name_of(dtypes, spec.dtype)}, {"shape", spec.shape}});
    tensors.tensors[fmt::format("{}", i)] = {spec, c.inputs[i]};
  }
  const ordered_json j = {{"tessera", TESSERA_VERSION},
                          {"node", c.name},
                          {"op", c.node().op->name},
                          {"algorithm", c.algorithm},
                          {"device", c.device},
                          {"inputs", inputs},
                          {"attributes", to_json(c.node().attributes)}};
  write_safetensors(tensor_path(folder), tensors);
  write_file(json_path(folder), json_text(j, 2) + "\n");
}

NodeCase load_case(const std::string& folder) {
  const std::string text = read_text(json_path(folder));
  NodeCase c = [&] {
    try {
      return case_of(parse_json<json>(text));
    } catch (const Error& error) {
      throw Error(json_path(folder), std::string("is damaged: ") + error.what());
    }
  }();
  TensorFile tensors = read_safetensors(tensor_path(folder));
  for (std::size_t i = 0; i < c.node().inputs.size(); ++i) {
    const TensorSpec& expected = c.graph.value(c.node().inputs[i]).spec;
    const auto tensor = tensors.tensors.find(fmt::format("{}", i));
    if (tensor == tensors.tensors.end()) throw Error(tensor_path(folder), "has too few tensors");
    if (tensor->second.spec != expected)
      throw Error(tensor_path(folder),
                  fmt::format("input {} is {}, expected {}", i, to_string(tensor->second.spec),
                              to_string(expected)));
    c.inputs.push_back(std::move(tensor->second.bytes));
  }
  return c;
}

}  // namespace tessera
