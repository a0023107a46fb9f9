#include "tessera/gradient_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "engine/base/philox.h"
#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/params.h"
#include "tessera/plan.h"

namespace tessera {
namespace {

constexpr const char* weights_name = "check_gradients.dy";

/// Returns random numbers that f32 represents exactly.
std::vector<double> random_numbers(std::int64_t count, std::uint64_t seed,
                                   const std::string& name) {
  Philox random(seed, name);
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = static_cast<double>(2 * random.uniform() - 1);
  return numbers;
}

template <typename T>
std::vector<std::byte> bytes_as(const std::vector<double>& numbers) {
  std::vector<T> typed(numbers.size());
  std::transform(numbers.begin(), numbers.end(), typed.begin(),
                 [](double number) { return static_cast<T>(number); });
  const auto bytes = std::as_bytes(std::span(typed));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> to_bytes(DType dtype, const std::vector<double>& numbers) {
  switch (dtype) {
    case DType::f32:
      return bytes_as<float>(numbers);
    case DType::i32:
      return bytes_as<std::int32_t>(numbers);
    case DType::u8:
      return bytes_as<std::uint8_t>(numbers);
  }
  throw Error("check_gradients", "unknown element type");
}

/// Returns the elements of a tensor of a batch.
std::vector<double> numbers_of(const Batch& batch, const SampleSpec& input) {
  const auto copy = [](auto values) { return std::vector<double>(values.begin(), values.end()); };
  switch (input.spec.dtype) {
    case DType::f32:
      return copy(batch.values<float>(input.name));
    case DType::i32:
      return copy(batch.values<std::int32_t>(input.name));
    case DType::u8:
      return copy(batch.values<std::uint8_t>(input.name));
  }
  throw Error("check_gradients", "unknown element type");
}

/// The derivative of an element by finite differences.
struct Differences {
  double derivative;
  bool is_smooth;
};

/// The function and its gradients as one executable, and its current inputs.
class Check {
 public:
  Check(Device& device, const std::vector<CheckedInput>& inputs,
        const std::function<Var(Graph&, const std::vector<Var>&)>& build,
        const GradientCheckOptions& options)
      : device_(device),
        options_(options),
        inputs_(inputs),
        params_(device),
        plan_(make_graph(build), device.plan_options()),
        executable_(device.compile(plan_, params_)) {
    for (CheckedInput& input : inputs_) fill(input);
    executable_->set_input(weights_name, to_bytes(DType::f32, weights_));
  }

  Check(Device& device, const Task& task, const Batch& batch, const GradientCheckOptions& options)
      : device_(device),
        options_(options),
        params_(device),
        plan_(make_graph(task, batch), device.plan_options()),
        executable_(device.compile(plan_, params_)) {
    for (CheckedInput& input : inputs_) fill(input);
    if (!task.draw) return;
    for (const auto& [name, values] : task.draw({options_.seed, 0, 0, batch.size}))
      executable_->set_input(name, std::as_bytes(std::span(values)));
  }

  /// Compares finite differences along directions in each tensor. In deep networks differences of
  /// single elements are lost in the rounding of the loss and at the kinks of relus.
  double run_along_directions() {
    double worst = 0;
    executable_->run();
    std::map<std::string, std::vector<float>> found;
    for (const CheckedInput& input : inputs_)
      if (input.spec.dtype == DType::f32) found[input.name] = output("d" + input.name);
    const double loss = std::abs(sum());
    // Tiny gradients, such as that of a bias before a norm, are rounding errors.
    double least = 0;
    for (const auto& [name, gradient] : found) least = std::max(least, norm(gradient) / 100);
    for (CheckedInput& input : inputs_)
      if (input.spec.dtype == DType::f32)
        worst = std::max(worst, check_along(input, found.at(input.name), loss, least));
    return worst;
  }

  double run() {
    double worst = 0;
    executable_->run();
    std::map<std::string, std::vector<float>> found;  // read before the inputs change
    for (const CheckedInput& input : inputs_)
      if (input.spec.dtype == DType::f32) found[input.name] = output("d" + input.name);
    noise_ = 4 * std::numeric_limits<float>::epsilon() * magnitude() / options_.step;
    for (CheckedInput& input : inputs_)
      if (input.spec.dtype == DType::f32)
        worst = std::max(worst, check(input, found.at(input.name)));
    return worst;
  }

 private:
  Graph make_graph(const std::function<Var(Graph&, const std::vector<Var>&)>& build) {
    Graph graph;
    std::vector<Var> vars, floats;
    for (const CheckedInput& input : inputs_) {
      vars.push_back(graph.input(input.name, input.spec));
      if (input.spec.dtype == DType::f32) floats.push_back(vars.back());
    }
    const Var y = build(graph, vars);
    if (y.spec().dtype != DType::f32)
      throw Error("check_gradients", "the result is " + to_string(y.spec()) + ", expected f32");
    weights_ = random_numbers(y.spec().elements(), options_.seed, weights_name);
    const Var dy = graph.input(weights_name, y.spec());
    graph.set_output("y", y);
    const std::vector<Var> found = gradients(y, dy, floats);
    for (std::size_t i = 0; i < found.size(); ++i)
      graph.set_output("d" + graph.value(floats[i].id()).name, found[i]);
    params_.add(graph, options_.seed);
    return graph;
  }

  /// Builds the loss of a task; its parameters are also inputs of the function.
  Graph make_graph(const Task& task, const Batch& batch) {
    Graph graph(Mode::training, options_.seed);
    const Var loss = append_task(graph, task, batch.size).loss;
    params_.add(graph, options_.seed);
    std::vector<Var> floats;
    for (const SampleSpec& input : task.inputs) {
      const ValueId id = graph.find(input.name);
      inputs_.push_back({input.name, graph.value(id).spec, numbers_of(batch, input)});
      if (input.spec.dtype == DType::f32) floats.emplace_back(graph, id);
    }
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      const Value& value = graph.values()[i];
      if (value.role != Role::parameter) continue;
      const std::vector<float> values = params_.read_floats(value.name);
      inputs_.push_back({value.name, value.spec, {values.begin(), values.end()}});
      floats.emplace_back(graph, static_cast<ValueId>(i));
    }
    weights_ = {1};
    graph.set_output("y", loss);
    const std::vector<std::optional<Var>> found = gradients_if_any(loss, floats);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Value& value = graph.value(floats[i].id());
      graph.set_output("d" + value.name,
                       found[i] ? *found[i] : graph.constant(value.spec.shape, 0));
    }
    params_.add(graph, options_.seed);
    return graph;
  }

  void fill(CheckedInput& input) {
    const auto count = static_cast<std::size_t>(input.spec.elements());
    if (input.values.empty()) {
      input.values = input.spec.dtype == DType::f32
                         ? random_numbers(input.spec.elements(), options_.seed, input.name)
                         : std::vector<double>(count);
    }
    if (input.values.size() != count)
      throw Error("check_gradients", fmt::format("'{}' has {} values, expected {}", input.name,
                                                 input.values.size(), count));
    set(input);
  }

  void set(const CheckedInput& input) {
    if (params_.has(input.name))
      return params_.write(input.name, to_bytes(DType::f32, input.values));
    executable_->set_input(input.name, to_bytes(input.spec.dtype, input.values));
  }

  std::vector<float> output(const std::string& name) {
    const ValueId id = executable_->graph().find(name);
    std::vector<float> values(
        static_cast<std::size_t>(executable_->graph().value(id).spec.elements()));
    executable_->read_output(name, std::as_writable_bytes(std::span(values)));
    return values;
  }

  /// Returns the weighted sum; `magnitude`: of absolute values.
  double sum() {
    executable_->run();
    const std::vector<float> y = output("y");
    double total = 0;
    for (std::size_t i = 0; i < y.size(); ++i) total += weights_[i] * double{y[i]};
    return total;
  }
  double magnitude() {
    const std::vector<float> y = output("y");
    double total = 0;
    for (std::size_t i = 0; i < y.size(); ++i) total += std::abs(weights_[i] * double{y[i]});
    return total;
  }

  Differences differences(CheckedInput& input, std::size_t element) {
    const double middle = input.values[element], h = options_.step;
    const auto at = [&](double offset) {
      input.values[element] = middle + offset;
      set(input);
      return sum();
    };
    const double far_below = at(-2 * h), below = at(-h), above = at(h), far_above = at(2 * h),
                 here = at(0);
    const double near = (above - below) / (2 * h), far = (far_above - far_below) / (4 * h);
    // At a kink, the differences over h and 2 h disagree, or the left and right ones.
    const double right = (far_above - here) / (2 * h), left = (here - far_below) / (2 * h);
    const double size = std::max(std::abs(left), std::abs(right));
    return {(4 * near - far) / 3, std::abs(near - far) <= 3 * options_.tolerance * size + noise_ &&
                                      std::abs(right - left) <= size / 2 + noise_};
  }

  /// Returns the direction of the gradient, which reveals too large components, and random
  /// directions, which reveal missing ones. All have length 1.
  std::vector<std::vector<double>> directions(const CheckedInput& input,
                                              const std::vector<float>& gradient) const {
    const double size = norm(gradient) / std::sqrt(static_cast<double>(gradient.size()));
    std::vector<std::vector<double>> all;
    for (std::uint64_t i = 0; i < 4; ++i) {
      const std::vector<double> random =
          random_numbers(std::ssize(gradient), options_.seed + i, input.name + " direction");
      std::vector<double>& direction = all.emplace_back(gradient.begin(), gradient.end());
      for (std::size_t k = 0; k < direction.size() && (i > 0 || size == 0); ++k)
        direction[k] = (std::abs(direction[k]) + (size == 0 ? 1 : size)) * random[k];
      const double length = norm(direction);
      for (double& x : direction) x /= length;
    }
    return all;
  }

  template <typename T>
  static double norm(const std::vector<T>& numbers) {
    double squares = 0;
    for (const T x : numbers) squares += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(squares);
  }

  double check_along(CheckedInput& input, const std::vector<float>& gradient, double loss,
                     double least) {
    if (gradient.empty()) return 0;
    const std::vector<double> middle = input.values;
    const double size = norm(middle), count = static_cast<double>(middle.size());
    const double h = options_.step * (size > 0 ? size : std::sqrt(count));
    const double length = std::max(norm(gradient), least);
    const double noise = 4 * std::numeric_limits<float>::epsilon() * loss / h;
    double worst = 0;
    for (const std::vector<double>& direction : directions(input, gradient)) {
      const auto at = [&](double offset) {
        for (std::size_t k = 0; k < middle.size(); ++k)
          input.values[k] = middle[k] + offset * direction[k];
        set(input);
        return sum();
      };
      const double near = (at(h) - at(-h)) / (2 * h), far = (at(2 * h) - at(-2 * h)) / (4 * h);
      double expected = 0;
      for (std::size_t k = 0; k < middle.size(); ++k)
        expected += double{gradient[k]} * direction[k];
      const double derivative = (4 * near - far) / 3, error = std::abs(derivative - expected);
      if (!(error <= options_.tolerance * length + noise))
        throw Error("check_gradients", fmt::format("the gradient along a direction in '{}' {} is "
                                                   "{:.6g}, finite differences on {} are {:.6g}",
                                                   input.name, to_string(input.spec.shape),
                                                   expected, device_.info().id, derivative));
      if (length > 0) worst = std::max(worst, error / length);
    }
    input.values = middle;
    set(input);
    return worst;
  }

  double check(CheckedInput& input, const std::vector<float>& found) {
    const auto count = static_cast<std::int64_t>(found.size());
    const std::int64_t every = std::max<std::int64_t>(1, count / options_.elements);
    std::vector<std::pair<std::size_t, double>> expected;
    std::int64_t looked_at = 0;
    for (std::int64_t i = 0; i < count; i += every, ++looked_at) {
      const auto element = static_cast<std::size_t>(i);
      const Differences d = differences(input, element);
      if (d.is_smooth) expected.emplace_back(element, d.derivative);
    }
    if (2 * static_cast<std::int64_t>(expected.size()) < looked_at)
      throw Error("check_gradients",
                  fmt::format("{} of {} elements of '{}' are at kinks or too curved for a step of "
                              "{}; choose other values or a smaller step",
                              looked_at - static_cast<std::int64_t>(expected.size()), looked_at,
                              input.name, options_.step));
    double largest = 0;
    for (const auto& [element, derivative] : expected)
      largest = std::max(largest, std::abs(derivative));
    return compare(input, found, expected, largest);
  }

  double compare(const CheckedInput& input, const std::vector<float>& found,
                 const std::vector<std::pair<std::size_t, double>>& expected,
                 double largest) const {
    double worst = 0;
    for (const auto& [element, derivative] : expected) {
      const double error = std::abs(double{found[element]} - derivative);
      if (!(error <= options_.tolerance * largest + noise_))
        throw Error("check_gradients", fmt::format("the gradient of '{}' {} at element {} is "
                                                   "{:.6g}, finite differences on {} are {:.6g}",
                                                   input.name, to_string(input.spec.shape), element,
                                                   found[element], device_.info().id, derivative));
      if (largest > 0) worst = std::max(worst, error / largest);
    }
    return worst;
  }

  Device& device_;
  const GradientCheckOptions options_;
  std::vector<CheckedInput> inputs_;
  std::vector<double> weights_;
  Params params_;
  Plan plan_;
  std::unique_ptr<Executable> executable_;
  double noise_ = 0;  ///< of differences, from the rounding of y
};

}  // namespace

double check_gradients(Device& device, const std::vector<CheckedInput>& inputs,
                       const std::function<Var(Graph&, const std::vector<Var>&)>& build,
                       const GradientCheckOptions& options) {
  return Check(device, inputs, build, options).run();
}

double check_gradients(Device& device, const Task& task, const Batch& batch,
                       const GradientCheckOptions& options) {
  return Check(device, task, batch, options).run_along_directions();
}

}  // namespace tessera
