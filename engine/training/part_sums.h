// The results of the parts of a batch, and the states that hold their sums: one slot for each level
// of the tree (parts.h), "trainer.sum.<level>.<name>".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/training/parts.h"
#include "tessera/task.h"

namespace tessera {

/// Mean or variance of a batch in a batch norm, and the running statistic that follows it.
struct BatchStatistic {
  std::string running;  ///< name of the state
  Initializer initializer;
  double momentum;
  Var value;
};

/// The results of a step before its update.
struct Computed {
  Var loss;
  std::vector<NamedVar> metrics;
  std::vector<BatchStatistic> statistics;
  std::vector<Var> weights, dw;
};

/// The input f32 [1] with the weight of a part in the sums: its share of the samples of the batch.
inline constexpr const char* share_name = "share";

/// Returns the number of slots of a batch in that many parts.
int slot_count(std::int64_t parts);
/// Returns the name of the input f32 [1] that controls a slot (`input_of`).
std::string fold_input(int slot);
/// Returns the value of that input.
float input_of(Fold fold);
/// Returns the names of the states of a slot, side by side in Params, in the order of their values.
std::vector<std::string> states_of_slot(const Graph& graph, int slot);

/// Makes the batch norms of a training graph leave their running statistics unchanged. Returns the
/// batch statistics that they must follow.
std::vector<BatchStatistic> take_statistics(Graph& graph);

/// Adds the results of a part to the slots; gradients already have the weight of the part.
/// Afterwards the values are those of the last slot.
void append_folds(Computed& part, Var share, int slots);

/// Appends the states in which append_folds has left the sums of a batch. `part` may be of another
/// graph.
Computed append_sums(Graph& graph, const Computed& part, int slots);

/// Updates the running statistics. If `zero` is NaN, they stay unchanged.
void append_running_statistics(const std::vector<BatchStatistic>& statistics,
                               std::optional<Var> zero);

}  // namespace tessera
