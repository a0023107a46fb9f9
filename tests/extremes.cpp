// Every op of the table with extreme attributes and shapes: it refuses them with an Error, or what
// it infers can be planned, counted, given gradients and, where it is small, run on the CPU.
// TESSERA_EXTREMES_ROUNDS sets how many random changes follow those of the table for each op.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/tuning/tuning_parts.h"
#include "tessera/autograd.h"
#include "tessera/check.h"
#include "tessera/error.h"
#include "tessera/flops.h"
#include "tests/cases/case.h"
#include "tests/data/temporary_folder.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::array<std::int64_t, 11> whole = {0,
                                                -1,
                                                1,
                                                2,
                                                65536,
                                                std::int64_t{1} << 31,
                                                std::int64_t{1} << 32,
                                                std::int64_t{1} << 61,
                                                std::int64_t{1} << 62,
                                                most,
                                                least};
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::array<double, 8> numbers = {0, -1, 1e-300, 1e300, infinity, -infinity, NAN, 0.5};

/// A node by itself.
struct Sample {
  std::string op;
  std::vector<TensorSpec> inputs;
  std::map<std::string, Attribute, std::less<>> attributes;
};

/// The nodes of a case, and of its gradients where it has some.
void add_samples(const cases::Case& c, std::map<std::string, std::vector<Sample>>& samples) {
  constexpr std::size_t of_each_op = 3;
  Graph graph;
  std::vector<Var> inputs, wanted;
  for (const cases::Input& input : c.inputs) {
    inputs.push_back(graph.input(input.name, input.spec));
    if (input.spec.dtype == DType::f32) wanted.push_back(inputs.back());
  }
  const Var y = cases::append(c, graph, inputs)[0];
  for (const Var& x : wanted) {
    try {
      gradients(y, graph.input(fmt::format("dy{}", x.id()), y.spec()), {x});
    } catch (const Error&) {  // no gradient passes
    }
  }
  for (const Node& node : graph.nodes()) {
    std::vector<Sample>& of_op = samples[std::string(node.op->name)];
    if (of_op.size() == of_each_op) continue;
    Sample sample{std::string(node.op->name), {}, node.attributes.all()};
    for (const ValueId input : node.inputs) sample.inputs.push_back(graph.value(input).spec);
    of_op.push_back(std::move(sample));
  }
}

const std::map<std::string, std::vector<Sample>>& all_samples() {
  static const auto all = [] {
    std::map<std::string, std::vector<Sample>> samples;
    for (const cases::Case& c : cases::all_cases())
      if (!c.bench_only) add_samples(c, samples);
    return samples;
  }();
  return all;
}

using Change = std::function<void(Sample&)>;

/// All changes of a list: an element, all of them, one too few and one too many.
template <typename T, typename Values>
void change_list(const std::vector<T>& list, const std::string& name, const Values& values,
                 std::vector<Change>& changes) {
  const auto put = [&](std::vector<T> changed) {
    changes.push_back([=](Sample& sample) { sample.attributes[name] = changed; });
  };
  put({});
  for (const T value : values) {
    for (std::size_t i = 0; i < std::min<std::size_t>(list.size(), 4); ++i) {
      auto changed = list;
      changed[i] = value;
      put(changed);
    }
    put(std::vector<T>(list.size(), value));
    auto longer = list;
    longer.push_back(value);
    put(longer);
  }
}

void change_attributes(const Sample& sample, std::vector<Change>& changes) {
  for (const auto& entry : sample.attributes) {
    const std::string name = entry.first;
    const auto put = [&](const Attribute& value) {
      changes.push_back([=](Sample& changed) { changed.attributes[name] = value; });
    };
    changes.push_back([=](Sample& changed) { changed.attributes.erase(name); });
    if (std::holds_alternative<std::int64_t>(entry.second)) {
      for (const std::int64_t value : whole) put(value);
      put(1.0);
    } else if (std::holds_alternative<double>(entry.second)) {
      for (const double value : numbers) put(value);
      put(std::int64_t{1});
    } else if (std::holds_alternative<std::string>(entry.second)) {
      for (const char* value : {"", "x", "relu(t9)", "add(x0,x99)"}) put(std::string(value));
    } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&entry.second)) {
      change_list(*list, name, whole, changes);
    } else {
      change_list(std::get<std::vector<double>>(entry.second), name, numbers, changes);
    }
  }
}

/// One size for another wherever it is found, so that shapes still fit each other.
void replace_size(Sample& sample, std::int64_t from, std::int64_t to) {
  for (TensorSpec& spec : sample.inputs)
    std::replace(spec.shape.begin(), spec.shape.end(), from, to);
  for (auto& [name, value] : sample.attributes) {
    if (auto* number = std::get_if<std::int64_t>(&value); number && *number == from) *number = to;
    if (auto* list = std::get_if<std::vector<std::int64_t>>(&value))
      std::replace(list->begin(), list->end(), from, to);
  }
}

void change_shapes(const Sample& sample, std::vector<Change>& changes) {
  std::set<std::int64_t> sizes;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    const TensorSpec& spec = sample.inputs[i];
    sizes.insert(spec.shape.begin(), spec.shape.end());
    for (std::size_t d = 0; d < spec.shape.size(); ++d)
      for (const std::int64_t size : whole)
        changes.push_back([=](Sample& changed) { changed.inputs[i].shape[d] = size; });
    for (std::size_t rank = 0; rank <= 9; ++rank)
      changes.push_back([=](Sample& changed) { changed.inputs[i].shape.resize(rank, 1); });
    for (const DType dtype : {DType::f32, DType::i32, DType::u8})
      changes.push_back([=](Sample& changed) { changed.inputs[i].dtype = dtype; });
  }
  for (const std::int64_t from : sizes)
    for (const std::int64_t to : whole)
      changes.push_back([=](Sample& changed) { replace_size(changed, from, to); });
  changes.push_back([](Sample& changed) { changed.inputs.pop_back(); });
  changes.push_back([](Sample& changed) { changed.inputs.push_back({DType::f32, {1}}); });
  changes.push_back([](Sample& changed) { changed.inputs.push_back(changed.inputs[0]); });
  changes.push_back([](Sample& changed) { changed.inputs.clear(); });
}

/// Whether running it takes no time and memory to speak of.
bool is_small(const Graph& graph) {
  constexpr std::int64_t largest = 1 << 14;
  return flops(graph) < 1e7 &&
         std::all_of(graph.values().begin(), graph.values().end(), [&](const Value& value) {
           const Shape& shape = value.spec.shape;
           return value.spec.elements() <= largest &&
                  std::all_of(shape.begin(), shape.end(), [&](auto size) { return size < 4096; });
         });
}

struct Counts {
  int refused = 0, inferred = 0, ran = 0;
};

void add_gradients(Graph& graph) {
  const Var y(graph, graph.nodes()[0].outputs[0]);
  const Var dy = graph.input("dy", y.spec());
  const std::vector<ValueId> inputs = graph.nodes()[0].inputs;
  for (const ValueId input : inputs) {
    try {
      gradients(y, dy, {Var(graph, input)});
    } catch (const Error&) {
    }
  }
}

void try_sample(const Sample& sample, Counts& counts) {
  static const auto device = open_device("cpu"), reference = open_reference_device();
  Graph graph;
  try {
    graph = graph_of_one(sample.op, sample.inputs, Attributes(sample.attributes));
    const Plan plan(graph, {.alignment = 64});
    ++counts.inferred;
  } catch (const Error&) {
    ++counts.refused;
    return;
  }
  Graph with_gradients = graph;
  add_gradients(with_gradients);
  CHECK(flops(with_gradients) >= 0);
  if (!is_small(graph)) return;
  NodeCase c{std::move(graph), {}, "extreme", {}, {}};
  for (const TensorSpec& spec : sample.inputs) c.inputs.emplace_back(spec.bytes(), std::byte{});
  try {
    outputs_of(*device, c);
    outputs_of(*reference, c);
    ++counts.ran;
  } catch (const Error&) {  // what no algorithm runs
  }
}

std::string described(const Sample& sample) {
  std::string text = sample.op;
  for (const TensorSpec& spec : sample.inputs) text += fmt::format(" {}", to_string(spec));
  return fmt::format("{} {}", text, to_json(Attributes(sample.attributes)).dump());
}

/// TESSERA_EXTREMES_TRACE names a file that says what a crash was caused by.
void try_changes(const Sample& sample, const std::vector<Change>& changes, int rounds,
                 Counts& counts) {
  const char* const trace = std::getenv("TESSERA_EXTREMES_TRACE");
  const auto attempt = [&](const Sample& changed) {
    const std::string text = described(changed);
    if (trace) std::ofstream(trace) << text << std::endl;
    INFO(text);
    CHECK_NOTHROW(try_sample(changed, counts));
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Sample changed = sample;
    changes[i](changed);
    attempt(changed);
  }
  Philox random(1, sample.op);
  for (int round = 0; round < rounds; ++round) {
    Sample changed = sample;
    for (std::uint32_t i = 2 + random.below(2); i > 0; --i) {
      // What an earlier one left out or cut off is not there to be changed.
      try {
        Sample next = changed;
        const Change& change = changes[random.below(static_cast<std::uint32_t>(changes.size()))];
        next.inputs.resize(std::max(next.inputs.size(), sample.inputs.size()), {DType::f32, {1}});
        for (std::size_t k = 0; k < sample.inputs.size(); ++k)
          next.inputs[k].shape.resize(
              std::max(next.inputs[k].shape.size(), sample.inputs[k].shape.size()), 1);
        change(next);
        changed = std::move(next);
      } catch (const std::bad_variant_access&) {
      }
    }
    attempt(changed);
  }
}

int rounds_of_each() {
  const char* const text = std::getenv("TESSERA_EXTREMES_ROUNDS");
  int rounds = 40;
  if (text) std::from_chars(text, text + std::strlen(text), rounds);
  return rounds;
}

}  // namespace

TEST_CASE("the cases have a sample of every op") {
  for (const Op* op : all_ops()) {
    INFO(op->name);
    CHECK(all_samples().contains(std::string(op->name)));
  }
}

TEST_CASE("every op with extreme attributes and shapes throws Error or works") {
  const int rounds = rounds_of_each();
  for (const auto& each : all_samples()) {
    const std::string op(each.first);
    Counts counts;
    for (const Sample& sample : each.second) {
      std::vector<Change> changes;
      change_attributes(sample, changes);
      change_shapes(sample, changes);
      try_changes(sample, changes, rounds, counts);
    }
    INFO(op);
    CHECK(counts.refused > 0);
    CHECK(counts.inferred > 0);
  }
}

TEST_CASE("a kept node with an extreme attribute is refused") {
  const tests::TemporaryFolder folder;
  const Sample& conv = all_samples().at("conv2d").front();
  NodeCase c{graph_of_one("conv2d", conv.inputs, Attributes(conv.attributes)), {}, "c", "d", "a"};
  for (const TensorSpec& spec : conv.inputs) c.inputs.emplace_back(spec.bytes(), std::byte{});
  save_case(folder.path(), c);
  CHECK_NOTHROW(load_case(folder.path()));
  std::ifstream in(folder / "node.json");
  auto j = nlohmann::ordered_json::parse(in);
  j["attributes"]["dilation"][1] = {most, most};
  std::ofstream(folder / "node.json") << j.dump();
  CHECK(refusal([&] { load_case(folder.path()); }).find("dilation") != std::string::npos);
}

}  // namespace tessera
