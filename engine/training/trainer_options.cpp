#include <cmath>

#include "engine/base/names.h"
#include "tessera/trainer.h"

namespace tessera {
namespace {

constexpr Names<Optimizer, 6> names = {{{Optimizer::sgd, "sgd"},
                                        {Optimizer::adam, "adam"},
                                        {Optimizer::adamw, "adamw"},
                                        {Optimizer::rmsprop, "rmsprop"},
                                        {Optimizer::adagrad, "adagrad"},
                                        {Optimizer::lars, "lars"}}};

constexpr Names<OnNan, 3> on_nan_names = {
    {{OnNan::stop, "stop"}, {OnNan::skip, "skip"}, {OnNan::ignore, "ignore"}}};

constexpr std::int64_t most_parts = 1 << 20;

void check(bool condition, const char* option, double found, const char* expected) {
  if (!condition)
    throw Error("train", fmt::format("{} is {}, expected {}", option, found, expected));
}

}  // namespace

std::string to_string(Optimizer optimizer) { return name_of(names, optimizer); }
Optimizer optimizer_of(const std::string& name) { return value_of(names, "optimizer", name); }

std::string to_string(OnNan on_nan) { return name_of(on_nan_names, on_nan); }
OnNan on_nan_of(const std::string& name) { return value_of(on_nan_names, "on_nan", name); }

TrainerOptions with_defaults(TrainerOptions options) {
  const Optimizer kind = options.optimizer;
  const bool adam = kind == Optimizer::adam || kind == Optimizer::adamw;
  const bool descent = kind == Optimizer::sgd || kind == Optimizer::lars;
  if (!options.lr) options.lr = adam ? 0.001 : 0.01;
  if (!options.momentum) options.momentum = descent ? 0.9 : 0.0;
  if (!options.eps) options.eps = kind == Optimizer::adagrad ? 1e-10 : 1e-8;
  if (!options.weight_decay) options.weight_decay = kind == Optimizer::adamw ? 0.01 : 0.0;
  check(options.clip_value >= 0, "clip_value", options.clip_value, "at least 0");
  check(options.clip_norm >= 0, "clip_norm", options.clip_norm, "at least 0");
  check(options.parts >= 1 && options.parts <= most_parts, "parts",
        static_cast<double>(options.parts), "1 to 1048576");
  check(options.ema >= 0 && options.ema < 1, "ema", options.ema, "0 to less than 1");
  learning_rate(options.schedule, *options.lr, 0);  // checks the schedule
  check(options.augment);
  const double smoothing = options.loss.label_smoothing;
  check(smoothing >= 0 && smoothing <= 1, "label_smoothing", smoothing, "0 to 1");
  for (const double weight : options.loss.class_weights)
    check(std::isfinite(weight) && weight >= 0, "class_weights", weight, "numbers of at least 0");
  return options;
}

}  // namespace tessera
