// Learning-rate schedules, as pure functions of the number of steps done, so a resumed run needs no
// other state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/export.h"

namespace tessera {

/// The schedules of torch.optim.lr_scheduler, counted in steps (not in epochs). After their end
/// they keep the last value.
enum class Schedule : std::uint8_t {
  constant,     ///< lr
  step,         ///< StepLR: lr * gamma^floor(t / period)
  multi_step,   ///< MultiStepLR: lr * gamma^(milestones reached)
  exponential,  ///< lr * gamma^(t / period); ExponentialLR with period 1
  cosine,       ///< CosineAnnealingLR: min_lr + (lr - min_lr) * (1 + cos(pi * t / steps)) / 2
  polynomial,   ///< PolynomialLR: lr * (1 - t / steps)^power
  one_cycle,    ///< OneCycleLR with cycle_momentum=False: cosine from lr/25 up to lr, then down to
                ///< lr/25/10000
};

/// Options of a schedule. Options that the schedule does not use are ignored.
struct ScheduleOptions {
  Schedule kind = Schedule::constant;
  /// Length in steps: T_max of cosine, total_iters of polynomial, total_steps of one_cycle. Does
  /// not include the warm-up.
  std::int64_t steps = 0;
  std::int64_t period = 1;
  std::vector<std::int64_t> milestones = {};
  double gamma = 0.1;
  double power = 1;
  double min_lr = 0;
  double rise = 0.3;               ///< one_cycle: fraction of rising steps, pct_start
  double initial_divisor = 25;     ///< one_cycle: div_factor
  double final_divisor = 1e4;      ///< one_cycle: final_div_factor
  std::int64_t warmup = 0;         ///< steps of LinearLR before the schedule starts
  double warmup_factor = 1.0 / 3;  ///< LinearLR: start_factor

  /// Returns whether all options are equal.
  bool operator==(const ScheduleOptions&) const = default;
};

/// Returns the learning rate of the step after `step` done steps; `lr` is the base rate of the
/// schedule. Throws Error if an option is invalid.
TESSERA_API double learning_rate(const ScheduleOptions& options, double lr, std::int64_t step);

/// Returns "constant", "step", "multi-step" and so on.
TESSERA_API std::string to_string(Schedule schedule);
/// The inverse of to_string. Throws Error that lists the schedules.
TESSERA_API Schedule schedule_of(const std::string& name);

}  // namespace tessera
