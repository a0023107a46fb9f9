// The graph of a training step: forward pass, backward pass, clipping, update.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/trainer.h"

namespace tessera {

// Losses stay on the device until they are read or this many have accumulated.
inline constexpr std::int64_t history_size = 1024;
inline constexpr const char* history_name = "trainer.history";
/// The history of a metric, and the number of steps in it: those of one trainer.
std::string history_of(const std::string& metric);
std::string counter_of(const std::string& metric);
/// The metrics that a training graph records. Evaluations may have others.
std::vector<std::string> recorded_metrics(const Graph& graph);

/// Its inputs are those of the task and "lr" f32 [1]. When batches come in parts, also "draw" i32
/// [1], which counts the parts of all steps, and those of part_sums.h. StepPart::gradients adds its
/// results to the sums there, and StepPart::update reads them; its only input is "lr".
Graph training_graph(const Task& task, std::int64_t samples, const TrainerOptions& options,
                     StepPart part);

/// Clips the gradients, updates the weights and their averages. lr f32 [1], step i32 [1]. If lr,
/// and with it `zero`, is NaN, nothing changes.
void append_updates(const std::vector<Var>& weights, std::vector<Var> dw, Var lr, Var step,
                    const TrainerOptions& options, std::optional<Var> zero = {});

}  // namespace tessera
