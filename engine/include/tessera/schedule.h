// Learning rates that change while training goes on, as pure functions of the number of steps done:
// a run that goes on from a checkpoint needs nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/export.h"

namespace tessera {

/// The schedules of torch.optim.lr_scheduler, counted in steps (not in epochs). Past their end they
/// stay where they ended.
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

/// Numbers that a schedule does not know are of no account.
struct ScheduleOptions {
  Schedule kind = Schedule::constant;
  /// The length: T_max of cosine, total_iters of polynomial, total_steps of one_cycle. A warm-up
  /// before it is not part of it.
  std::int64_t steps = 0;
  std::int64_t period = 1;
  std::vector<std::int64_t> milestones = {};
  double gamma = 0.1;
  double power = 1;
  double min_lr = 0;
  double rise = 0.3;               ///< one_cycle: the part of the steps that goes up, pct_start
  double initial_divisor = 25;     ///< one_cycle: div_factor
  double final_divisor = 1e4;      ///< one_cycle: final_div_factor
  std::int64_t warmup = 0;         ///< steps; LinearLR before the schedule, which then begins
  double warmup_factor = 1.0 / 3;  ///< LinearLR: start_factor

  /// Whether all options are equal.
  bool operator==(const ScheduleOptions&) const = default;
};

/// The learning rate of the step before which `step` steps were done; `lr` is the schedule's base.
/// Throws Error when an option makes no sense.
TESSERA_API double learning_rate(const ScheduleOptions& options, double lr, std::int64_t step);

/// "constant", "step", "multi-step" and so on; `schedule_of` throws Error that lists them.
TESSERA_API std::string to_string(Schedule schedule);
/// The inverse of to_string.
TESSERA_API Schedule schedule_of(const std::string& name);

}  // namespace tessera
