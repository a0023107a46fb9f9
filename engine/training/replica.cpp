#include "engine/training/replica.h"

#include <cstring>

#include "engine/ops/dropout.h"
#include "engine/training/part_sums.h"
#include "engine/training/training_graph.h"

namespace tessera {
namespace {

template <typename Number>
void set_number(std::string_view name, Number number, const SetInput& set) {
  set(name, std::as_bytes(std::span(&number, 1)));
}

}  // namespace

void set_inputs(const Task& task, const TrainerOptions& options, const TrainingStep& step,
                Part part, std::int64_t k, const SetInput& set) {
  const auto [begin, samples] = part;
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(samples);
  for (const SampleSpec& input : task.inputs) {
    const std::size_t bytes = input.spec.bytes();
    const std::span<const std::byte> all = step.batch.find(input.name)->bytes;
    set(input.name, all.subspan(first * bytes, count * bytes));
  }
  if (options.parts > 1) {
    set_number(share_name, static_cast<float>(samples) / static_cast<float>(step.batch.size), set);
    set_number(draw_name, static_cast<std::int32_t>(step.step * options.parts + k), set);
  }
  if (!task.draw) return;
  for (const auto& [name, numbers] : task.draw({options.seed, step.step, begin, samples}))
    set(name, std::as_bytes(std::span(numbers)));
}

void set_folds(std::int64_t k, std::int64_t count, int slots, const SetInput& set) {
  const std::vector<Fold> all = folds(k, count, slots);
  for (int slot = 0; slot < slots; ++slot)
    set_number(fold_input(slot), input_of(all[static_cast<std::size_t>(slot)]), set);
}

Replica::Plan& Replica::plan_for(std::int64_t samples, StepPart part) {
  Plan& plan = plans_[{samples, part}];
  if (!plan.executable) {
    Device& device = params_.device();
    const tessera::Plan made(training_graph(task_, samples, options_, part), device.plan_options());
    plan.executable = device.compile(made, params_);
  }
  return plan;
}

/// Sends numbers only if they have changed since the last step.
void Replica::set(Plan& plan, std::string_view name, std::span<const std::byte> bytes) {
  if (bytes.size() == sizeof(float)) {
    const auto [found, is_new] = plan.numbers.try_emplace(std::string(name));
    if (!is_new && std::memcmp(&found->second, bytes.data(), sizeof(float)) == 0) return;
    std::memcpy(&found->second, bytes.data(), sizeof(float));
  }
  plan.executable->set_input(name, bytes);
}

void Replica::run_whole(const TrainingStep& step, float lr) {
  Plan& plan = plan_for(step.batch.size, StepPart::whole);
  const auto set_input = [&](auto name, auto bytes) { set(plan, name, bytes); };
  set_inputs(task_, options_, step, {0, step.batch.size}, 0, set_input);
  set_number("lr", lr, set_input);
  plan.executable->run();
}

void Replica::run_parts(const TrainingStep& step, const std::vector<Part>& parts, PartRange subtree,
                        int slots) {
  for (std::int64_t k = 0; k < subtree.count; ++k) {
    const Part& part = parts.at(static_cast<std::size_t>(subtree.first + k));
    Plan& plan = plan_for(part.samples, StepPart::gradients);
    const auto set_input = [&](auto name, auto bytes) { set(plan, name, bytes); };
    set_inputs(task_, options_, step, part, subtree.first + k, set_input);
    set_folds(k, subtree.count, slots, set_input);
    for (int slot = slots; slot < slot_count(options_.parts); ++slot)
      set_number(fold_input(slot), input_of(Fold::skip), set_input);
    plan.executable->run();
  }
}

void Replica::run_update(float lr) {
  Plan& plan = plan_for(1, StepPart::update);
  set_number("lr", lr, [&](auto name, auto bytes) { set(plan, name, bytes); });
  plan.executable->run();
}

std::vector<Executable*> Replica::executables() {
  std::vector<Executable*> all;
  for (auto& [key, plan] : plans_)
    if (plan.executable) all.push_back(plan.executable.get());
  return all;
}

}  // namespace tessera
