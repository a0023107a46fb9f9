// Softmax with cross entropy, plain and with all its attributes, and their gradients.
#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/softmax_cross_entropy_params.h"

void lower_mean(LaunchBuilder& l, const cl::Buffer& losses) {
  l.launch("softmax_cross_entropy.cl", l.defines(), "loss_mean",
           {{1, 1, 1}, {l.traits().work_group, 1, 1}}, losses, l.output(0),
           l.to_int(l.input_spec(0).shape[0]));
}

void lower(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  const cl::Buffer losses = l.workspace(static_cast<std::size_t>(rows[0]) * sizeof(float));
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "softmax_rows", rows[0], 4, l.input(0),
                 l.input(1), l.output(1), losses, l.to_int(rows[1]));
  lower_mean(l, losses);
}

/// Numbers that each work-item of one group has to read.
std::int64_t numbers_of_item(const DeviceNode& l) {
  const auto group = static_cast<std::int64_t>(l.traits().work_group);
  const Shape& rows = l.input_spec(0).shape;
  return (rows[0] + group - 1) / group * rows[1];
}

std::string refuse_group(const DeviceNode& l) {
  constexpr std::int64_t most = 4096;
  const std::int64_t numbers = numbers_of_item(l);
  if (numbers <= most) return {};
  return fmt::format("{} numbers for each work-item of a group, more than {}", numbers, most);
}

void lower_and_dx_group(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  const cl::Buffer losses = l.workspace(static_cast<std::size_t>(rows[0]) * sizeof(float));
  const std::size_t group = l.traits().work_group;
  l.launch("softmax_cross_entropy.cl", l.defines(), "softmax_and_dx_group",
           {{group, 1, 1}, {group, 1, 1}}, l.input(0), l.input(1), l.input(2), l.output(1), losses,
           l.output(0), l.to_int(rows[1]), l.to_int(rows[0]));
}

void lower_and_dx(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  const cl::Buffer losses = l.workspace(static_cast<std::size_t>(rows[0]) * sizeof(float));
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "softmax_and_dx_rows", rows[0], 4,
                 l.input(0), l.input(1), l.input(2), l.output(1), losses, l.to_int(rows[1]),
                 l.to_int(rows[0]));
  lower_mean(l, losses);
}

void lower_dx(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "softmax_cross_entropy_dx", rows[0], 4,
                 l.input(0), l.input(1), l.input(2), l.output(0), l.to_int(rows[1]),
                 l.to_int(rows[0]));
}

CrossEntropyParams cross_entropy_params(const DeviceNode& l) {
  const std::int64_t K = l.input_spec(0).shape[1];
  const double smoothing = l.attributes().number("label_smoothing");
  const auto& ignored = l.attributes().integers("ignore_index");
  return {.K = l.to_int(K),
          .has_targets = l.input_spec(1).dtype == DType::f32,
          .smoothing = static_cast<cl_float>(smoothing),
          .each = static_cast<cl_float>(smoothing / static_cast<double>(K)),
          .has_ignored = !ignored.empty(),
          .ignored = ignored.empty() ? 0 : l.to_int(ignored.front()),
          .normalized = l.to_int(l.attributes().integer("normalized"))};
}

/// The weights of all classes, 1 where none are given.
cl::Buffer class_weights(LaunchBuilder& l) {
  std::vector<float> weights(static_cast<std::size_t>(l.input_spec(0).shape[1]), 1.0f);
  const auto& given = l.attributes().numbers("weights");
  for (std::size_t k = 0; k < given.size(); ++k) weights[k] = static_cast<float>(given[k]);
  return l.table(std::span<const float>(weights));
}

bool keeps_rows(const DeviceNode& l) { return l.attributes().text("reduction") == "none"; }

void lower_general(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  const auto bytes = static_cast<std::size_t>(rows[0]) * sizeof(float);
  const cl::Buffer losses = l.workspace(bytes), divisors = l.workspace(bytes);
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "cross_entropy_rows", rows[0], 4,
                 l.input(0), l.input(1), class_weights(l), cross_entropy_params(l), l.output(1),
                 losses, divisors);
  l.launch("softmax_cross_entropy.cl", l.defines(), "cross_entropy_finish",
           {{1, 1, 1}, {l.traits().work_group, 1, 1}}, losses, divisors, l.output(0), l.output(2),
           CrossEntropyFinishParams{.N = l.to_int(rows[0]),
                                    .keeps_rows = keeps_rows(l),
                                    .mean = l.attributes().text("reduction") == "mean"});
}

void lower_general_gradient(LaunchBuilder& l) {
  const Shape& rows = l.input_spec(0).shape;
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "cross_entropy_gradient", rows[0], 4,
                 l.input(0), l.input(1), class_weights(l), cross_entropy_params(l), l.input(2),
                 l.input(3), l.output(0),
                 CrossEntropyGradientParams{.keeps_rows = keeps_rows(l),
                                            .of_targets = l.attributes().integer("input") == 1});
}

}  // namespace

std::vector<OpAlgorithms> softmax_cross_entropy_algorithms() {
  return {{"softmax_cross_entropy", {long_offsets({"rows", nullptr, lower})}},
          {"softmax_cross_entropy_and_dx",
           {{"group", refuse_group, lower_and_dx_group},
            long_offsets({"rows", nullptr, lower_and_dx})}},
          {"softmax_cross_entropy_dx", {long_offsets({"rows", nullptr, lower_dx})}},
          {"cross_entropy", {long_offsets({"rows", nullptr, lower_general})}},
          {"cross_entropy_gradient", {long_offsets({"rows", nullptr, lower_general_gradient})}}};
}

}  // namespace tessera::opencl
