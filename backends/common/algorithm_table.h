// The algorithms of every op of a backend, and which of them runs a node. An algorithm preferred by
// the backend's environment variable comes before a tuned one, and that before the others.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/common/algorithm.h"
#include "tessera/profile.h"

namespace tessera {

/// A part of the text of such a variable, "op=algorithm".
struct Preference {
  std::string variable;
  std::string text;
  std::string op, algorithm;  ///< parts of `text`; empty where it has none

  /// Throws Error that lists what is known, of the kind "ops" or "algorithms".
  [[noreturn]] void fail(const std::string& kind, const std::vector<std::string>& known) const;
};
/// Returns the parts of the variable's value, separated by commas; none if it is not set.
std::vector<Preference> read_preferences(const std::string& variable);

/// Returns the text of NodeChoice::tuned.
std::string tuned_text(const Parameters& parameters);

/// Throws Error that says why no algorithm of the backend can run a node.
[[noreturn]] void fail_without_algorithm(const NodeView& node, std::string_view backend,
                                         const std::vector<Refusal>& refused);

template <class Algorithm>
class AlgorithmTable {
 public:
  using DeviceNode = typename Algorithm::Node;
  using OpAlgorithms = BasicOpAlgorithms<Algorithm>;

  struct Choice {
    const Algorithm* algorithm = nullptr;
    Parameters parameters;
    std::string tuned;             ///< as NodeChoice::tuned
    std::vector<Refusal> refused;  ///< those before it
  };
  /// Tries to make a node ready with an algorithm that does not refuse it. Returns why that is not
  /// possible, or an empty text.
  using Attempt = std::function<std::string(const Algorithm&, const Parameters&)>;

  /// `custom`: the algorithm of every custom op. Throws Error if the environment variable names an
  /// unknown op or algorithm.
  AlgorithmTable(std::string_view backend, const std::string& variable,
                 std::vector<OpAlgorithms> ops, Algorithm custom);

  /// Puts the plainest algorithm of each op before the others and before tuned ones.
  void prefer_plainest();

  /// Chooses the algorithm and parameters that tuning found, or the first algorithm that can run
  /// the node. Throws Error if there is none.
  Choice choose(const DeviceNode& node, const Tuning& tuning, const Attempt& attempt) const;
  /// Returns what Device::candidates returns.
  std::vector<Candidate> candidates(const DeviceNode& node, const Attempt& attempt) const;

 private:
  struct Op {
    std::vector<Algorithm> algorithms;
    bool has_preference = false;  ///< the first algorithm comes before a tuned one

    auto find(std::string_view name) const {
      return std::find_if(algorithms.begin(), algorithms.end(),
                          [&](const Algorithm& a) { return a.name == name; });
    }
    void prefer(std::size_t i) {
      const auto at = algorithms.begin() + static_cast<std::ptrdiff_t>(i);
      std::rotate(algorithms.begin(), at, at + 1);
      has_preference = true;
    }
  };

  void prefer(const Preference& preference);
  const Op* find(const DeviceNode& node) const;
  static std::string refusal(const Algorithm& algorithm, const DeviceNode& node);
  static std::string doubt(const Algorithm& algorithm, const DeviceNode& node);
  static std::vector<Parameters> parameters_of(const Algorithm& algorithm, const DeviceNode& node);
  /// Returns why a node is not run as tuned, or an empty text. Tuning results may come from another
  /// version of the library, or from somebody's editor.
  static std::string refusal_of_tuned(const Candidate& tuned, const Algorithm* algorithm,
                                      const DeviceNode& node, const Attempt& attempt);

  std::string backend_;
  std::map<std::string, Op, std::less<>> ops_;
  Op custom_;
};

template <class Algorithm>
AlgorithmTable<Algorithm>::AlgorithmTable(std::string_view backend, const std::string& variable,
                                          std::vector<OpAlgorithms> ops, Algorithm custom)
    : backend_(backend), custom_{{std::move(custom)}} {
  for (OpAlgorithms& op : ops) ops_[std::string(op.op)].algorithms = std::move(op.algorithms);
  for (const Preference& preference : read_preferences(variable)) prefer(preference);
}

template <class Algorithm>
void AlgorithmTable<Algorithm>::prefer(const Preference& preference) {
  std::vector<std::string> names;
  const auto op = ops_.find(preference.op);
  if (op == ops_.end()) {
    for (const auto& [name, algorithms] : ops_) names.push_back(name);
    preference.fail("op", names);
  }
  const auto& algorithms = op->second.algorithms;
  const auto found = op->second.find(preference.algorithm);
  if (found == algorithms.end()) {
    for (const Algorithm& algorithm : algorithms) names.emplace_back(algorithm.name);
    preference.fail("algorithm", names);
  }
  op->second.prefer(static_cast<std::size_t>(found - algorithms.begin()));
}

template <class Algorithm>
void AlgorithmTable<Algorithm>::prefer_plainest() {
  for (auto& [name, op] : ops_) op.prefer(op.algorithms.size() - 1);
}

template <class Algorithm>
auto AlgorithmTable<Algorithm>::find(const DeviceNode& node) const -> const Op* {
  if (node.node().op->custom) return &custom_;
  const auto op = ops_.find(node.op_name());
  return op == ops_.end() ? nullptr : &op->second;
}

template <class Algorithm>
std::string AlgorithmTable<Algorithm>::refusal(const Algorithm& algorithm, const DeviceNode& node) {
  try {
    return algorithm.refusal ? algorithm.refusal(node) : std::string();
  } catch (const TooLarge& error) {
    return error.reason();
  }
}

template <class Algorithm>
std::string AlgorithmTable<Algorithm>::doubt(const Algorithm& algorithm, const DeviceNode& node) {
  return algorithm.doubt ? algorithm.doubt(node) : std::string();
}

/// What an algorithm runs a node with: its own choice, and the candidates.
template <class Algorithm>
std::vector<Parameters> AlgorithmTable<Algorithm>::parameters_of(const Algorithm& algorithm,
                                                                 const DeviceNode& node) {
  std::vector<Parameters> all = {{}};
  if (!algorithm.candidates) return all;
  for (Parameters& parameters : algorithm.candidates(node)) all.push_back(std::move(parameters));
  return all;
}

template <class Algorithm>
std::string AlgorithmTable<Algorithm>::refusal_of_tuned(const Candidate& tuned,
                                                        const Algorithm* algorithm,
                                                        const DeviceNode& node,
                                                        const Attempt& attempt) {
  if (!algorithm) return "there is no such algorithm";
  if (std::string reason = refusal(*algorithm, node); !reason.empty()) return reason;
  const std::vector<Parameters> known = parameters_of(*algorithm, node);
  if (std::find(known.begin(), known.end(), tuned.parameters) == known.end())
    return "these parameters are no candidate";
  return attempt(*algorithm, tuned.parameters);
}

template <class Algorithm>
auto AlgorithmTable<Algorithm>::choose(const DeviceNode& node, const Tuning& tuning,
                                       const Attempt& attempt) const -> Choice {
  std::vector<Refusal> refused;
  const Op* const op = find(node);
  if (!op) fail_without_algorithm(node, backend_, refused);
  const auto tuned = op->has_preference || tuning.empty()
                         ? tuning.end()
                         : tuning.find(tuning_key(node.graph(), node.node()));
  if (tuned != tuning.end()) {
    const Candidate& candidate = tuned->second.candidate;
    const auto found = op->find(candidate.algorithm);
    const Algorithm* const algorithm = found == op->algorithms.end() ? nullptr : &*found;
    std::string reason = refusal_of_tuned(candidate, algorithm, node, attempt);
    if (reason.empty())
      return {algorithm, candidate.parameters, tuned_text(candidate.parameters), {}};
    refused.push_back({"tuned " + to_string(candidate), std::move(reason)});
  }
  for (const Algorithm& algorithm : op->algorithms) {
    const bool is_preferred = op->has_preference && &algorithm == &op->algorithms.front();
    std::string reason = refusal(algorithm, node);
    if (reason.empty() && !is_preferred) reason = doubt(algorithm, node);
    if (reason.empty()) reason = attempt(algorithm, {});
    if (reason.empty()) return {&algorithm, {}, {}, std::move(refused)};
    refused.push_back({std::string(algorithm.name), std::move(reason)});
  }
  fail_without_algorithm(node, backend_, refused);
}

template <class Algorithm>
std::vector<Candidate> AlgorithmTable<Algorithm>::candidates(const DeviceNode& node,
                                                             const Attempt& attempt) const {
  std::vector<Candidate> all;
  const Op* const op = find(node);
  if (!op) return all;
  for (bool doubted : {false, true})  // the first is the one taken without tuning
    for (const Algorithm& algorithm : op->algorithms) {
      if (!refusal(algorithm, node).empty() || doubt(algorithm, node).empty() == doubted) continue;
      for (Parameters& parameters : parameters_of(algorithm, node))
        if (attempt(algorithm, parameters).empty())
          all.push_back({std::string(algorithm.name), std::move(parameters)});
    }
  return all;
}

}  // namespace tessera
