#include "tools/train/training.h"

#include <fmt/core.h>

#include <algorithm>
#include <ratio>
#include <utility>

#include "tools/shared/interrupt.h"
#include "tools/shared/networks.h"
#include "tools/shared/number_text.h"
#include "tools/shared/standard_streams.h"
#include "tools/train/epoch_verdict.h"
#include "tools/train/train_defaults.h"

namespace tessera::tools {

namespace {

/// Suggests the usual remedies for non-finite steps.
std::string remedy(double lr) {
  return fmt::format("lower the learning rate (--lr is {}) or limit gradients with --clip-norm",
                     lr);
}

}  // namespace

template <typename Action>
void Training::explained(const Action& action) {
  try {
    action();
  } catch (const NotFinite& error) {
    // The step is of this epoch, since all losses are read at the end of each epoch.
    Loader loader(train_, batches_from(state_.batch_in_epoch - (state_.step - error.step())));
    throw NotFinite(
        error.step(),
        fmt::format("the loss or a gradient of step {} is not finite: {}; {}", error.step() + 1,
                    trainer_.find_not_finite(*loader.next(), error.step()),
                    remedy(*trainer_.options().lr)));
  }
}

template <typename Action>
void Training::guard(const Action& action, bool of_device) {
  try {
    action();
  } catch (const std::exception& error) {
    progress_.clear();
    const bool is_not_finite = dynamic_cast<const NotFinite*>(&error);  // it names its step
    const auto* const own = dynamic_cast<const Error*>(&error);
    if (last_ && of_device && own && !is_not_finite)
      throw DeviceFailed(*own, std::move(*last_), checkpoint_);
    const std::string kept =
        checkpoint_.empty() ? "" : "; the last good checkpoint is " + checkpoint_;
    const std::string step = is_not_finite ? "" : fmt::format(" (step {})", state_.step);
    throw Error(message_of(error) + step + kept);
  }
}

Training::Training(const TrainArguments& arguments, const DeviceGroup& devices,
                   ImageClassifier& network, const ImageDataset& train, const ImageDataset& test,
                   const TrainingState& state, const std::string& checkpoint,
                   const std::vector<OptionValue>& options)
    : arguments_(arguments),
      devices_(devices),
      network_(network),
      train_(train),
      test_(test),
      state_(state),
      trainer_(network, state.options, devices, sharing()),
      progress_(arguments.epochs, epoch_steps(), arguments.log_every),
      observers_(arguments.observers, arguments.log_every, !checkpoint.empty(), progress_),
      options_(options),
      checkpoint_(checkpoint),
      trace_(arguments.trace),
      saved_(Clock::now()) {}

std::vector<Graph> Training::graphs() const {
  std::vector<Graph> graphs = trainer_.graphs(std::min(arguments_.batch, train_.size()));
  graphs.push_back(network_.evaluation_graph(std::min(evaluation_batch(test_), test_.size())));
  return graphs;
}

void Training::run() {
  network_.check_fits(train_);
  network_.check_fits(test_);
  check_checkpoint(network_, state_);
  if (state_.epoch >= arguments_.epochs)
    print("nothing to do: {} epochs are done, --epochs is {}\n", state_.epoch, arguments_.epochs);
  for (const auto& device : devices_.devices()) device->set_profiling(trace_.on());
  observers_.start(
      {network_, train_, test_, tested(), options_, state_, /*resumes=*/!checkpoint_.empty()});
  const bool on_cpu = network_.device().info().id == "cpu";
  if (!arguments_.fallback.empty() && !on_cpu) last_ = checkpoint_of(network_, state_);
  try {
    while (state_.epoch < arguments_.epochs && !stopped() && !out_of_patience(state_)) run_epoch();
    if (checkpoint_ != arguments_.out) save();  // no epochs were left
  } catch (const std::exception& error) {
    const bool is_own = dynamic_cast<const Error*>(&error);  // and names the step
    const std::string step = is_own ? "" : fmt::format(" (step {})", state_.step);
    end(Outcome::failed, message_of(error) + step);
    if (is_own) throw;
    throw Error(message_of(error) + step);
  }
  end(interrupted() ? Outcome::interrupted : Outcome::end);
  if (out_of_patience(state_))
    print("stopped early after epoch {}: no epoch was better than {}\n", state_.epoch,
          to_string(state_.best));
  else if (state_.epoch < arguments_.epochs)
    print_stopped();
}

void Training::print_stopped() const {
  const std::string loss =
      state_.batch_in_epoch > 0 ? ", mean loss " + number_text(mean_loss()) : "";
  const bool is_left = state_.batch_in_epoch == epoch_steps();
  print("stopped after step {} (epoch {}{}){}; resume with --resume {}\n", state_.step,
        state_.epoch + 1, loss, is_left ? ", before its evaluation" : "", arguments_.out);
}

std::int64_t Training::epoch_steps() const {
  return steps_of_epoch(train_.size(), arguments_.batch);
}

bool Training::stopped() const {
  return interrupted() || (arguments_.steps > 0 && state_.step >= arguments_.steps);
}

void Training::run_epoch() {
  LoaderOptions batches = batches_from(state_.batch_in_epoch);
  batches.on_batch = trace_.of_loader();
  Loader loader(train_, std::move(batches));
  progress_.begin_epoch(state_.epoch + 1, state_.batch_in_epoch);
  observers_.begin_epoch();
  trainer_.take_samples();
  std::int64_t images = 0;
  while (const Batch* batch = stopped() ? nullptr : next_batch(loader)) {
    trace_.host("step", [&] { guard([&] { explained([&] { trainer_.step(*batch); }); }); });
    if (trace_.on() && ++traced_ == most_traced) end_trace();
    images += batch->size;
    observers_.count(batch->size);
    ++state_.step;
    ++state_.batch_in_epoch;
    const bool shown = progress_.due(state_.batch_in_epoch);
    const bool reported = observers_.due(state_.step);
    const bool kept = last_ && state_.batch_in_epoch % arguments_.log_every == 0;
    if (shown || reported || kept) take_losses();
    if (kept) guard([&] { last_ = checkpoint_of(network_, state_); });
    if (shown) progress_.show(state_.batch_in_epoch, images, mean_loss());
    if (reported)
      observers_.step({.step = state_.step, .epoch = state_.epoch + 1, .lr = last_lr()},
                      take_samples());
    if (arguments_.verbose) print_plan(batch->size);
    if (is_save_due() && state_.batch_in_epoch < epoch_steps()) {
      take_losses();
      save();
    }
  }
  end_trace();
  take_losses();
  if (state_.batch_in_epoch == epoch_steps())
    end_epoch(images);
  else
    save();
}

bool Training::is_save_due() const {
  const SaveInterval& every = arguments_.save_every;
  return (every.steps > 0 && state_.step % every.steps == 0) ||
         (every.minutes > 0 &&
          Clock::now() - saved_ >= std::chrono::duration<double, std::ratio<60>>(every.minutes));
}

LoaderOptions Training::batches_from(std::int64_t first) const {
  return {
      .batch = arguments_.batch,
      .order = shuffled_order(train_.size(), state_.seed, static_cast<std::uint64_t>(state_.epoch)),
      .first_batch = first,
      .on_batch = {}};
}

const Batch* Training::next_batch(Loader& loader) {
  const Batch* batch = nullptr;
  guard([&] { trace_.host("wait for batch", [&] { batch = loader.next(); }); },
        /*of_device=*/false);
  return batch;
}

void Training::end_trace() {
  if (!trace_.on()) return;
  for (const auto& device : devices_.devices()) device->set_profiling(false);
  tolerate([&] {
    const bool is_group = devices_.devices().size() > 1;
    for (const auto& [device, executables] : trainer_.executables_by_device())
      for (Executable* executable : executables)
        trace_.add(executable->graph(), executable->take_records(), is_group ? device : "");
    trace_.finish();
  });
}

template <typename Action>
void Training::tolerate(const Action& action) {
  try {
    action();
  } catch (const std::exception& error) {
    progress_.clear();
    print_error(message_of(error) + "; the training continues without it");
  }
}

void Training::save() {
  Checkpoint checkpoint;
  guard([&] { checkpoint = checkpoint_of(network_, state_); });
  if (last_) last_ = checkpoint;
  guard(
      [&] {
        // Saved first: a run that ends in between repeats the epoch with the same result.
        if (std::exchange(best_, false) && state_.best.keep)
          save_checkpoint(best_path(arguments_.out), checkpoint);
        save_checkpoint(arguments_.out, checkpoint);
      },
      /*of_device=*/false);
  // Saved last: after a failed run, an older model of this name keeps its own settings.
  if (checkpoint_.empty()) tolerate([&] { write_config(config_path(arguments_.out), options_); });
  checkpoint_ = arguments_.out;
  saved_ = Clock::now();
}

void Training::check_epoch() const {
  if (state_.skipped < state_.batch_in_epoch) return;
  throw Error("train",
              fmt::format("all {} steps of epoch {} were skipped because of non-finite losses or "
                          "gradients, so the model has not changed; {}",
                          state_.skipped, state_.epoch + 1, remedy(*trainer_.options().lr)));
}

void Training::judge(EpochReport report) {
  const EpochVerdict verdict = judge_epoch(state_, report.test);
  report.best = best_ = verdict.best;
  if (verdict.lowered) {
    trainer_.set_lr(*state_.options.lr);
    print("learning rate lowered to {:g}: the test loss has stopped falling\n", *state_.options.lr);
  }
  observers_.epoch(report);
}

ClassifierEvaluation Training::evaluate() {
  const auto& devices = devices_.devices();
  const bool is_alike = std::all_of(devices.begin(), devices.end(), [&](const auto& device) {
    return are_of_one_kind(device->info(), devices.front()->info());
  });
  if (devices.size() == 1 || !is_alike)
    return network_.evaluate(test_, evaluation_batch(test_), tested(), interrupted);
  if (!replicas_)
    replicas_ =
        std::make_unique<ClassifierGroup>(network_, devices_, [this](const std::string& text) {
          progress_.clear();
          print("{}\n", text);
        });
  return replicas_->evaluate(test_, evaluation_batch(test_), tested(), interrupted);
}

void Training::end_epoch(std::int64_t images) {
  guard([&] { check_epoch(); }, /*of_device=*/false);
  save();  // the evaluation may take long and be interrupted
  ClassifierEvaluation evaluation;
  guard([&] { evaluation = evaluate(); });
  if (evaluation.images < test_.size()) return;  // a resumed run repeats the evaluation
  progress_.end_epoch(images, mean_loss(), evaluation);
  if (state_.skipped > 0)
    print("skipped {} of {} steps because of non-finite losses or gradients\n", state_.skipped,
          state_.batch_in_epoch);
  ++state_.epoch;
  judge(
      {.step = state_.step, .epoch = state_.epoch, .train_loss = mean_loss(), .test = evaluation});
  state_.batch_in_epoch = state_.epoch_images = state_.skipped = 0;
  state_.epoch_loss_sum = 0;
  save();
}

std::vector<DeviceSamples> Training::take_samples() {
  if (devices_.devices().size() == 1) return {};
  return trainer_.take_samples();
}

void Training::take_losses() {
  guard([&] {
    LossSum losses;
    explained([&] { losses = trainer_.take_losses(); });
    state_.epoch_loss_sum += losses.sum;
    state_.epoch_images += losses.samples;
    state_.skipped += losses.skipped;
    observers_.add(losses);
  });
}

Weights Training::tested() const {
  return state_.options.ema > 0 ? Weights::averaged : Weights::last;
}

double Training::last_lr() const {
  const TrainerOptions& options = trainer_.options();
  return learning_rate(options.schedule, *options.lr, state_.step - 1);
}

void Training::end(Outcome outcome, const std::string& error) {
  observers_.end({.outcome = outcome,
                  .step = state_.step,
                  .epochs = state_.epoch,
                  .error = error,
                  .best = state_.best,
                  .early = out_of_patience(state_)});
}

double Training::mean_loss() const {
  return LossSum{.sum = state_.epoch_loss_sum, .samples = state_.epoch_images}.mean();
}

GroupOptions Training::sharing() {
  GroupOptions group = group_options(arguments_, state_);
  group.on_shares = [this](const GroupShares& shares, const std::string& text) {
    take_shares(shares, text);
  };
  if (!arguments_.trace.empty())
    group.on_span = [this](const GroupSpan& span) {
      trace_.add(span.device.empty() ? "reduction" : span.device + " thread", span.work, span.start,
                 span.end);
    };
  return group;
}

void Training::take_shares(const GroupShares& shares, const std::string& text) {
  if (!text.empty()) {
    progress_.clear();
    print("step {}: {}\n", shares.step, text);
  }
  // A run that resumes continues with the shares that it had.
  const bool is_new = state_.shares.empty() || state_.shares.back().devices != shares.devices ||
                      state_.shares.back().parts != shares.parts;
  if (is_new) state_.shares.push_back(shares);
  observers_.shares({shares, text});
}

void Training::print_plan(std::int64_t batch) {
  if (!printed_)
    for (const std::string& line : trainer_.describe(batch)) print("{}\n", line);
  printed_ = true;
}

}  // namespace tessera::tools
