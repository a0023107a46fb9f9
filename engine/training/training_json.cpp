#include "engine/training/training_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/base/names.h"
#include "engine/files/bounded_json.h"
#include "tessera/error.h"

namespace tessera {

using nlohmann::json;

/// A whole number from `least` to 2^31 - 1.
std::int64_t whole(const json& j, const char* name, std::int64_t least) {
  const json& value = member_of(j, name);
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (!value.is_number_integer() || value > most || value < least)
    throw Error(fmt::format("'{}' is {}, expected a whole number from {} to {}", name, shown(value),
                            least, most));
  return value;
}

double finite(const json& j, const char* name) {
  const json& value = member_of(j, name);
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    throw Error(fmt::format("'{}' is {}, expected a finite number", name, shown(value)));
  return value;
}

std::vector<double> finite_numbers(const json& j, const char* name) {
  const json& values = member_of(j, name);
  if (!values.is_array() || !std::all_of(values.begin(), values.end(), [](const json& value) {
        return value.is_number() && std::isfinite(value.get<double>());
      }))
    throw Error(fmt::format("'{}' is {}, expected finite numbers", name, shown(values)));
  return values;
}

namespace {

constexpr Names<BestBy, 2> best_by_names = {
    {{BestBy::loss, "loss"}, {BestBy::accuracy, "accuracy"}}};

json optimizer_json(const TrainerOptions& o) {
  return {{"name", to_string(o.optimizer)},
          {"lr", o.lr.value()},
          {"momentum", o.momentum.value()},
          {"nesterov", o.nesterov},
          {"beta1", o.beta1},
          {"beta2", o.beta2},
          {"alpha", o.alpha},
          {"eps", o.eps.value()},
          {"weight_decay", o.weight_decay.value()},
          {"decay_all", o.decay_all},
          {"clip_value", o.clip_value},
          {"clip_norm", o.clip_norm},
          {"parts", o.parts},
          {"ema", o.ema},
          {"on_nan", to_string(o.on_nan)},
          {"freeze", o.freeze},
          {"train_only", o.train_only},
          {"augment", to_string(o.augment)},
          {"label_smoothing", o.loss.label_smoothing},
          {"class_weights", o.loss.class_weights},
          {"seed", o.seed}};
}

json schedule_json(const ScheduleOptions& o) {
  return {{"name", to_string(o.kind)},
          {"steps", o.steps},
          {"period", o.period},
          {"milestones", o.milestones},
          {"gamma", o.gamma},
          {"power", o.power},
          {"min_lr", o.min_lr},
          {"rise", o.rise},
          {"initial_divisor", o.initial_divisor},
          {"final_divisor", o.final_divisor},
          {"warmup", o.warmup},
          {"warmup_factor", o.warmup_factor}};
}

ScheduleOptions schedule_of(const json& j) {
  return {tessera::schedule_of(json_member<std::string>(j, "name")),
          whole(j, "steps", 0),
          whole(j, "period", 1),
          json_member<std::vector<std::int64_t>>(j, "milestones"),
          finite(j, "gamma"),
          finite(j, "power"),
          finite(j, "min_lr"),
          finite(j, "rise"),
          finite(j, "initial_divisor"),
          finite(j, "final_divisor"),
          whole(j, "warmup", 0),
          finite(j, "warmup_factor")};
}

/// The first checkpoints have sgd with momentum only.
TrainerOptions options_of(const json& training) {
  const json& j = json_object(training, "optimizer");
  TrainerOptions o;
  o.optimizer = optimizer_of(json_member<std::string>(j, "name"));
  o.lr = finite(j, "lr");
  o.momentum = finite(j, "momentum");
  if (!training.contains("schedule")) return with_defaults(o);
  o.nesterov = json_member<bool>(j, "nesterov");
  o.beta1 = finite(j, "beta1");
  o.beta2 = finite(j, "beta2");
  o.alpha = finite(j, "alpha");
  o.eps = finite(j, "eps");
  o.weight_decay = finite(j, "weight_decay");
  o.decay_all = json_member<bool>(j, "decay_all");
  o.clip_value = finite(j, "clip_value");
  o.clip_norm = finite(j, "clip_norm");
  // Older files have another name for this number.
  o.parts = whole(j, j.contains("parts") ? "parts" : "accumulate", 1);
  o.ema = finite(j, "ema");
  o.augment = augmentation_of(
      json_member_or<std::string>(j, "augment", ""));  // newer, like the members below
  if (j.contains("label_smoothing"))
    o.loss = {finite(j, "label_smoothing"), finite_numbers(j, "class_weights")};
  o.seed = json_member_or(j, "seed", std::uint64_t{0});
  o.on_nan = on_nan_of(json_member_or<std::string>(j, "on_nan", "stop"));
  o.freeze = json_member_or(j, "freeze", std::vector<std::string>{});
  o.train_only = json_member_or(j, "train_only", std::vector<std::string>{});
  o.schedule = schedule_of(json_object(training, "schedule"));
  return with_defaults(o);
}

json best_json(const BestEpoch& best) {
  return {{"keep", best.keep},
          {"by", to_string(best.by)},
          {"patience", best.patience},
          {"epoch", best.epoch},
          {"value", best.value ? json(*best.value) : json()}};
}

std::optional<double> optional_number(const json& j, const char* name) {
  return member_of(j, name).is_null() ? std::nullopt : std::optional(finite(j, name));
}

BestEpoch best_of(const json& j) {
  return {json_member<bool>(j, "keep"), best_by_of(json_member<std::string>(j, "by")),
          whole(j, "patience", 0), whole(j, "epoch", 0), optional_number(j, "value")};
}

json plateau_json(const Plateau& plateau) {
  return {{"factor", plateau.factor},
          {"patience", plateau.patience},
          {"bad_epochs", plateau.bad_epochs},
          {"best", plateau.best ? json(*plateau.best) : json()}};
}

Plateau plateau_of(const json& j) {
  return {finite(j, "factor"), whole(j, "patience", 0), whole(j, "bad_epochs", 0),
          optional_number(j, "best")};
}

constexpr std::size_t digits = 8;  // of a hash of 32 bits

json fingerprint_json(const DataFingerprint& print) {
  std::string hashes;
  for (const std::uint32_t hash : print.hashes) hashes += fmt::format("{:08x}", hash);
  return {{"images", print.images},
          {"sum", print.sum},
          {"hashes", hashes},
          {"divided", print.divided},
          {"cutoffs", print.cutoffs}};
}

DataFingerprint fingerprint_of(const json& j) {
  DataFingerprint print{json_member<std::vector<std::int64_t>>(j, "images"),
                        json_member<std::uint64_t>(j, "sum"),
                        {},
                        json_member<bool>(j, "divided"),
                        json_member<std::vector<std::int64_t>>(j, "cutoffs")};
  const auto hashes = json_member<std::string>(j, "hashes");
  for (std::size_t i = 0; i + digits <= hashes.size(); i += digits) {
    std::uint32_t hash = 0;
    const char *const begin = hashes.data() + i, *const end = begin + digits;
    if (std::from_chars(begin, end, hash, 16).ptr != end)
      throw Error("'hashes' has other characters than hexadecimal digits");
    print.hashes.push_back(hash);
  }
  return print;
}

GroupShares shares_of(const json& j) {
  GroupShares shares{whole(j, "step", 0), json_member<std::vector<std::string>>(j, "devices"),
                     json_member<std::vector<std::int64_t>>(j, "parts")};
  if (shares.devices.size() != shares.parts.size())
    throw Error(fmt::format("'shares' has {} devices and {} parts", shares.devices.size(),
                            shares.parts.size()));
  for (const std::int64_t parts : shares.parts)
    if (parts < 0) throw Error(fmt::format("'shares' has {} parts, expected at least 0", parts));
  return shares;
}

/// Reads members that checkpoints of earlier versions do not have.
void read_newer(const json& j, TrainingState& state) {
  if (j.contains("best")) state.best = best_of(json_object(j, "best"));
  if (j.contains("plateau")) state.plateau = plateau_of(json_object(j, "plateau"));
  if (j.contains("train_data")) state.train_data = fingerprint_of(json_object(j, "train_data"));
  if (j.contains("test_data")) state.test_data = fingerprint_of(json_object(j, "test_data"));
  if (j.contains("shares"))
    for (const json& shares : member_of(j, "shares")) state.shares.push_back(shares_of(shares));
  if (j.contains("train_images")) state.train_images = whole(j, "train_images", 0);
  if (j.contains("epoch_images")) {
    state.epoch_images = whole(j, "epoch_images", 0);
  } else {  // the sum is over batches of one size
    state.epoch_images = (state.batch_in_epoch - state.skipped) * state.batch;
    state.epoch_loss_sum *= static_cast<double>(state.batch);
  }
}

}  // namespace

std::string to_string(BestBy by) { return name_of(best_by_names, by); }
BestBy best_by_of(const std::string& name) { return value_of(best_by_names, "best epoch", name); }

json training_json(const TrainingState& t) {
  const TrainerOptions options = with_defaults(t.options);
  json j = {{"data", t.data},
            {"generator", {{"algorithm", "philox4x32-10"}, {"seed", t.seed}}},
            {"optimizer", optimizer_json(options)},
            {"schedule", schedule_json(options.schedule)},
            {"batch", t.batch},
            {"step", t.step},
            {"epoch", t.epoch},
            {"batch_in_epoch", t.batch_in_epoch},
            {"epoch_loss_sum", t.epoch_loss_sum},
            {"held_out", t.held_out},
            {"skipped", t.skipped},
            {"train_images", t.train_images},
            {"epoch_images", t.epoch_images},
            {"split", t.split_rule == SplitRule::by_content ? "content" : "order"},
            {"best", best_json(t.best)},
            {"plateau", plateau_json(t.plateau)}};
  if (t.train_data) j["train_data"] = fingerprint_json(*t.train_data);
  if (t.test_data) j["test_data"] = fingerprint_json(*t.test_data);
  for (const auto& [step, devices, parts] : t.shares)
    j["shares"].push_back({{"step", step}, {"devices", devices}, {"parts", parts}});
  return j;
}

TrainingState training_of(const json& j) {
  const json& seed = member_of(json_object(j, "generator"), "seed");
  if (!seed.is_number_unsigned())
    throw Error(fmt::format("'seed' is {}, expected a whole number from 0", shown(seed)));
  TrainingState state{json_member<std::string>(j, "data"),
                      seed,
                      whole(j, "batch", 0),
                      options_of(j),
                      whole(j, "step", 0),
                      whole(j, "epoch", 0),
                      whole(j, "batch_in_epoch", 0),
                      finite(j, "epoch_loss_sum"),
                      j.contains("held_out") ? finite(j, "held_out") : 0.1,
                      j.contains("skipped") ? whole(j, "skipped", 0) : 0};
  if (json_member_or<std::string>(j, "split", "order") == "order")
    state.split_rule = SplitRule::by_order;
  read_newer(j, state);
  return state;
}

}  // namespace tessera
