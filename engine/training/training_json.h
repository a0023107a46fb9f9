// The state of a training as JSON in a checkpoint.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "tessera/checkpoint.h"

namespace tessera {

/// A whole number from `least` to 2^31 - 1. Throws Error for anything else.
std::int64_t whole(const nlohmann::json& j, const char* name, std::int64_t least);

/// Throws Error for anything but a finite number, or a list of them.
double finite(const nlohmann::json& j, const char* name);
std::vector<double> finite_numbers(const nlohmann::json& j, const char* name);

/// The inverse of training_of.
nlohmann::json training_json(const TrainingState& training);
/// Also reads checkpoints of earlier versions, in which some numbers are missing. Throws Error if
/// the JSON is damaged.
TrainingState training_of(const nlohmann::json& j);

}  // namespace tessera
