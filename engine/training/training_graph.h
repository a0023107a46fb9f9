// The graph of a training step: forward pass, backward pass, what happens to the gradients, update.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/trainer.h"

namespace tessera {

// Losses stay on the device until somebody asks or this many have gathered.
inline constexpr std::int64_t history_size = 1024;
inline constexpr const char* history_name = "trainer.history";
/// The history of a metric, and the number of steps in it: those of one trainer.
std::string history_of(const std::string& metric);
std::string counter_of(const std::string& metric);
/// The metrics that a training graph records. Those of evaluations may be others.
std::vector<std::string> recorded_metrics(const Graph& graph);

/// Its inputs are those of the task and "lr" f32 [1]. When batches come in parts, also "draw" i32
/// [1], which counts the parts of all steps, and those of part_sums.h. StepPart::gradients adds
/// what it computes to the sums there, with which StepPart::update continues; its only input is
/// "lr".
Graph training_graph(const Task& task, std::int64_t samples, const TrainerOptions& options,
                     StepPart part);

/// Clips the gradients, updates the weights and their averages. lr f32 [1], step i32 [1]. Where lr
/// is NaN, and with it `zero`, nothing changes.
void append_updates(const std::vector<Var>& weights, std::vector<Var> dw, Var lr, Var step,
                    const TrainerOptions& options, std::optional<Var> zero = {});

}  // namespace tessera
