// Host tensors, fills and comparison; see case.h.
#include "tests/cases/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera::cases {
namespace {

template <typename T>
void copy_out(const HostTensor& tensor, std::byte* to) {
  for (double value : tensor.values) {
    const auto element = static_cast<T>(value);
    std::memcpy(to, &element, sizeof element);
    to += sizeof element;
  }
}

template <typename T>
void copy_in(const std::byte* from, HostTensor& tensor) {
  for (double& value : tensor.values) {
    T element;
    std::memcpy(&element, from, sizeof element);
    value = static_cast<double>(element);
    from += sizeof element;
  }
}

double as_float(double value) { return static_cast<double>(static_cast<float>(value)); }

std::vector<TensorSpec> input_specs(const Case& c) {
  std::vector<TensorSpec> specs;
  for (const Input& input : c.inputs) specs.push_back(input.spec);
  return specs;
}

}  // namespace

Input::Input(std::string called, TensorSpec of, Fill with, Role as)
    : name(std::move(called)), spec(std::move(of)), fill(std::move(with)), role(as) {}

std::vector<std::byte> to_bytes(const HostTensor& tensor) {
  std::vector<std::byte> bytes(tensor.spec.bytes());
  switch (tensor.spec.dtype) {
    case DType::f32:
      copy_out<float>(tensor, bytes.data());
      break;
    case DType::i32:
      copy_out<std::int32_t>(tensor, bytes.data());
      break;
    case DType::u8:
      copy_out<std::uint8_t>(tensor, bytes.data());
      break;
  }
  return bytes;
}

HostTensor from_bytes(const TensorSpec& spec, const std::vector<std::byte>& bytes) {
  HostTensor tensor(spec);
  if (bytes.size() != spec.bytes())
    throw Error("cases", fmt::format("found {} bytes, expected {}", bytes.size(), to_string(spec)));
  switch (spec.dtype) {
    case DType::f32:
      copy_in<float>(bytes.data(), tensor);
      break;
    case DType::i32:
      copy_in<std::int32_t>(bytes.data(), tensor);
      break;
    case DType::u8:
      copy_in<std::uint8_t>(bytes.data(), tensor);
      break;
  }
  return tensor;
}

Fill uniform(double least, double most) {
  return [=](HostTensor& tensor, Philox& random) {
    for (double& value : tensor.values)
      value = as_float(least + (most - least) * static_cast<double>(random.uniform()));
  };
}

Fill away_from_zero() {
  return [](HostTensor& tensor, Philox& random) {
    for (double& value : tensor.values) {
      const double x = static_cast<double>(random.uniform());
      value = as_float(x < 0.5 ? -0.02 - 1.96 * x : 0.02 + 1.96 * (x - 0.5));
    }
  };
}

Fill distinct() {
  return [](HostTensor& tensor, Philox& random) {
    const std::int64_t size = tensor.size();
    for (std::int64_t i = 0; i < size; ++i)
      tensor[i] = as_float(0.01 * static_cast<double>(i - size / 2));
    for (std::int64_t i = size - 1; i > 0; --i)
      std::swap(tensor[i], tensor[random.below(static_cast<std::uint32_t>(i + 1))]);
  };
}

Fill whole_numbers(int least, int most) {
  return [=](HostTensor& tensor, Philox& random) {
    for (double& value : tensor.values)
      value = least + static_cast<int>(random.below(static_cast<std::uint32_t>(most - least + 1)));
  };
}

Fill repeated(std::vector<double> values) {
  return [values = std::move(values)](HostTensor& tensor, Philox&) {
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] = as_float(values[i % values.size()]);
  };
}

Tolerance for_sum_of(std::int64_t terms) {
  return {1e-6 + 5e-8 * static_cast<double>(terms), 1e-5};
}

Tensors make_inputs(const Case& c) {
  Tensors inputs;
  Philox random(1, c.op + "/" + c.name);
  for (const Input& input : c.inputs) {
    inputs.emplace_back(input.spec);
    input.fill(inputs.back(), random);
  }
  return inputs;
}

std::vector<Var> append(const Case& c, Graph& graph, const std::vector<Var>& inputs) {
  return c.build ? c.build(inputs) : graph.add(c.op, inputs, c.attributes, "case");
}

std::vector<TensorSpec> output_specs(const Case& c) {
  if (!c.build) return find_op(c.op).infer({input_specs(c), c.attributes});
  Graph graph;
  std::vector<Var> inputs;
  for (const Input& input : c.inputs) inputs.push_back(graph.input(input.name, input.spec));
  std::vector<TensorSpec> specs;
  for (const Var& output : c.build(inputs)) specs.push_back(output.spec());
  return specs;
}

std::vector<Alias> updates(const Case& c) {
  return c.build ? std::vector<Alias>() : updates_of(find_op(c.op), output_specs(c).size());
}

double bytes_moved(const Case& c) {
  double bytes = 0;
  for (const TensorSpec& spec : input_specs(c)) bytes += static_cast<double>(spec.bytes());
  for (const TensorSpec& spec : output_specs(c)) bytes += static_cast<double>(spec.bytes());
  return bytes;
}

Case with_epilogue(Case c, bool residual, double most) {
  const std::size_t plain_inputs = c.inputs.size();
  if (residual) c.inputs.emplace_back("residual", output_specs(c)[0], uniform(-1, 1));
  if (most > 0) {
    auto attributes = c.attributes.all();
    attributes["activation"] = std::string(most == 6 ? "relu6" : "relu");
    c.attributes = Attributes(std::move(attributes));
  }
  c.reference = [=, plain = c.reference](const Tensors& inputs, std::int64_t every) {
    const auto first = inputs.begin();
    Tensors outputs = plain({first, first + static_cast<std::ptrdiff_t>(plain_inputs)}, every);
    for (std::int64_t i = 0; i < outputs[0].size(); i += every) {
      double& y = outputs[0][i];
      if (residual) y += inputs[plain_inputs][i];
      if (most > 0) y = std::min(most, std::max(0.0, y));
    }
    return outputs;
  };
  return c;
}

std::optional<std::string> difference(const HostTensor& found, const HostTensor& expected,
                                      const Tolerance& tolerance, std::int64_t every) {
  if (found.spec != expected.spec)
    return fmt::format("is {}, expected {}", to_string(found.spec), to_string(expected.spec));
  const bool exact = expected.spec.dtype != DType::f32;
  std::int64_t wrong = 0, looked_at = 0, worst = 0;
  double worst_excess = 0;
  for (std::int64_t i = 0; i < expected.size(); i += every, ++looked_at) {
    const double f = found[i], e = expected[i];
    if (f == e || (std::isnan(f) && std::isnan(e))) continue;
    const double allowed = exact ? 0 : tolerance.absolute + tolerance.relative * std::abs(e);
    const double excess = std::abs(f - e) - allowed;
    if (excess <= 0) continue;
    ++wrong;
    // NaN against a number is the worst there is.
    const double rank = std::isnan(excess) ? HUGE_VAL : excess;
    if (rank > worst_excess) {
      worst_excess = rank;
      worst = i;
    }
  }
  if (wrong == 0) return {};
  return fmt::format("{} of {} elements differ, most at {} of {}: {}, expected {}", wrong,
                     looked_at, worst, to_string(expected.spec), found[worst], expected[worst]);
}

std::vector<Family> all_families() {
  return {
#define TESSERA_OP_FAMILY(family) {#family, family##_cases()},
#include "op_families.inc"
#undef TESSERA_OP_FAMILY
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (Family& family : all_families())
    for (Case& c : family.cases) all.push_back(std::move(c));
  return all;
}

}  // namespace tessera::cases
