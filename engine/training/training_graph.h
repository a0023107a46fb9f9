// The graph of a training step: forward pass, backward pass, what happens to the gradients, update.
#pragma once

#include <optional>
#include <vector>

#include "tessera/trainer.h"

namespace tessera {

// Losses stay on the device until somebody asks or this many have gathered.
inline constexpr std::int64_t history_size = 1024;
inline constexpr const char* history_name = "trainer.history";

/// Inputs "image", "label", "lr" f32 [1] and, when batches come in parts, "share" f32 [1]: the part
/// of the images so far that is this one, and "draw" i32 [1], which counts the parts of all steps.
/// An augmentation has inputs of its own (see append_classifier). Without `updates` it adds
/// gradients up and no more.
Graph training_graph(const Model& model, std::int64_t images, const TrainerOptions& options,
                     bool updates);

/// Clips the gradients, updates the weights and their averages. lr f32 [1], step i32 [1]. Where lr
/// is NaN, and with it `zero`, nothing changes.
void append_updates(const std::vector<Var>& weights, std::vector<Var> dw, Var lr, Var step,
                    const TrainerOptions& options, std::optional<Var> zero = {});

}  // namespace tessera
