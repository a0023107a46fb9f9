#include "tessera/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/base/names.h"

namespace tessera {
namespace {

constexpr Names<Schedule, 7> names = {{{Schedule::constant, "constant"},
                                       {Schedule::step, "step"},
                                       {Schedule::multi_step, "multi-step"},
                                       {Schedule::exponential, "exponential"},
                                       {Schedule::cosine, "cosine"},
                                       {Schedule::polynomial, "polynomial"},
                                       {Schedule::one_cycle, "one-cycle"}}};

void check(bool condition, const char* option, double found, const char* expected) {
  if (!condition)
    throw Error("schedule", fmt::format("{} is {}, expected {}", option, found, expected));
}

void check(const ScheduleOptions& o) {
  const bool has_end =
      o.kind == Schedule::cosine || o.kind == Schedule::polynomial || o.kind == Schedule::one_cycle;
  const auto steps = static_cast<double>(o.steps);
  check(!has_end || o.steps >= 1, "steps", steps, "at least 1");
  check(o.period >= 1, "period", static_cast<double>(o.period), "at least 1");
  check(o.gamma > 0, "gamma", o.gamma, "above 0");
  check(o.warmup >= 0, "warmup", static_cast<double>(o.warmup), "at least 0");
  check(o.warmup_factor >= 0 && o.warmup_factor <= 1, "warmup_factor", o.warmup_factor, "0 to 1");
  // The peak must be between the first and the last step.
  check(o.kind != Schedule::one_cycle || (o.rise * steps > 1 && o.rise < 1), "rise", o.rise,
        "more than one step and less than all steps");
}

/// Returns the value at `at` of a half cosine from `from` at 0 to `to` at 1.
double anneal(double from, double to, double part) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * std::clamp(part, 0.0, 1.0))) / 2;
}

double one_cycle(const ScheduleOptions& o, double lr, double t) {
  const double initial = lr / o.initial_divisor;
  const double peak = o.rise * static_cast<double>(o.steps) - 1;
  const double last = static_cast<double>(o.steps) - 1;
  if (t <= peak) return anneal(initial, lr, t / peak);
  return anneal(lr, initial / o.final_divisor, (t - peak) / (last - peak));
}

}  // namespace

double learning_rate(const ScheduleOptions& options, double lr, std::int64_t step) {
  check(options);
  if (step < options.warmup) {
    const double part = static_cast<double>(step) / static_cast<double>(options.warmup);
    const double first = options.kind == Schedule::one_cycle ? lr / options.initial_divisor : lr;
    return first * (options.warmup_factor + (1 - options.warmup_factor) * part);
  }
  const std::int64_t t = step - options.warmup;
  const auto time = static_cast<double>(t), steps = static_cast<double>(options.steps);
  switch (options.kind) {
    case Schedule::step:
      return lr * std::pow(options.gamma, static_cast<double>(t / options.period));
    case Schedule::multi_step: {
      const auto reached = std::count_if(options.milestones.begin(), options.milestones.end(),
                                         [&](std::int64_t milestone) { return milestone <= t; });
      return lr * std::pow(options.gamma, static_cast<double>(reached));
    }
    case Schedule::exponential:
      return lr * std::pow(options.gamma, time / static_cast<double>(options.period));
    case Schedule::cosine:
      return anneal(lr, options.min_lr, time / steps);
    case Schedule::polynomial:
      return lr * std::pow(std::max(1 - time / steps, 0.0), options.power);
    case Schedule::one_cycle:
      return one_cycle(options, lr, time);
    case Schedule::constant:
      break;
  }
  return lr;
}

std::string to_string(Schedule schedule) { return name_of(names, schedule); }
Schedule schedule_of(const std::string& name) { return value_of(names, "schedule", name); }

}  // namespace tessera
