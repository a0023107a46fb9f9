#include "tools/tune/tuning_run.h"

#include <fmt/core.h>
#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "tessera/error.h"
#include "tessera/flops.h"
#include "tools/shared/interrupt.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

constexpr const char* ready = "ready";
/// A candidate must be faster than this share of the default's time, so that noise does not change
/// the choice.
constexpr double margin = 0.97;

double share(const TuningReport& report) {
  return report.baseline_seconds > 0 ? report.seconds / report.baseline_seconds : report.seconds;
}

std::string microseconds(double seconds) { return fmt::format("{:.1f} us", 1e6 * seconds); }

std::string described(const TuningOutcome& outcome) {
  const Tuned& tuned = outcome.tuned;
  std::string text = fmt::format("{}: {}, {}", outcome.key, to_string(tuned.candidate),
                                 microseconds(tuned.seconds));
  if (tuned.seconds < tuned.default_seconds)
    text += fmt::format(" instead of {}", microseconds(tuned.default_seconds));
  return text;
}

bool works(const Measured& measured) { return measured.report.error.empty(); }

/// Returns the fastest working candidate, or the end.
std::vector<Measured>::const_iterator fastest(const std::vector<Measured>& measured) {
  auto best = measured.end();
  for (auto m = measured.begin(); m != measured.end(); ++m)
    if (works(*m) && (best == measured.end() || share(m->report) < share(best->report))) best = m;
  return best;
}

/// Returns all algorithms but the first, with their default parameters. The naive one is a hundred
/// times slower and only tried for little work or without an alternative.
std::vector<Candidate> other_algorithms(const TuningTask& task, bool first_works) {
  constexpr std::string_view plain = "naive";
  constexpr double little = 2e7;  // floating-point operations
  std::vector<Candidate> all;
  for (const Candidate& candidate : task.candidates)
    if (candidate.parameters.empty() && candidate != task.candidates.front() &&
        (candidate.algorithm != plain || !first_works || flops(task.graph) < little))
      all.push_back(candidate);
  return all;
}

/// Returns the parameters of algorithms that are nearly as fast as the fastest, or that fail with
/// their default parameters.
std::vector<Candidate> promising_parameters(const TuningTask& task,
                                            const std::vector<Measured>& measured) {
  constexpr double near = 1.3;
  const auto best = fastest(measured);
  std::vector<Candidate> all;
  for (const Candidate& candidate : task.candidates) {
    const auto own = std::find_if(measured.begin(), measured.end(), [&](const Measured& m) {
      return m.candidate.algorithm == candidate.algorithm;
    });
    if (!candidate.parameters.empty() && own != measured.end() &&
        (!works(*own) || share(own->report) <= near * share(best->report)))
      all.push_back(candidate);
  }
  return all;
}

}  // namespace

void TuningOptions::add(CLI::App& command, const char* seconds_option) {
  command.add_option(seconds_option, seconds, "time limit for tuning, in seconds")
      ->check(at_least(0.0));
}

TuningRun::TuningRun(Device& device, const TuningOptions& options, bool silent)
    : device_(device),
      options_(options),
      end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(std::min(options.seconds, 1e6)))),
      progress_(silent) {}

bool TuningRun::is_over() const { return interrupted() || Clock::now() >= end_; }

void TuningRun::start() {
  worker_ = std::make_unique<WorkerProcess>(
      std::vector<std::string>{"tune", "--worker", "--device", device_.info().id});
  std::string line;
  const auto until = std::min<Clock::time_point>(Clock::now() + std::chrono::seconds(60), end_);
  while (true) {
    const auto outcome = worker_->receive(line, until);
    if (outcome == WorkerProcess::Outcome::line && line == ready) return;
    if (outcome == WorkerProcess::Outcome::line) continue;  // output of a driver
    if (outcome == WorkerProcess::Outcome::interrupted || is_over()) return worker_.reset();
    throw Error("tune", "the measuring process does not start: " +
                            (outcome == WorkerProcess::Outcome::ended ? worker_->how_it_ended()
                                                                      : "no output"));
  }
}

std::vector<TuningReport> TuningRun::measure(TuningJob job) {
  using Outcome = WorkerProcess::Outcome;
  std::vector<TuningReport> reports;
  const auto limit = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(options_.candidate_seconds));
  while (!job.candidates.empty() && !is_over()) {
    if (!worker_) start();
    if (!worker_) break;  // the time is up
    worker_->send(to_line(job));
    while (!job.candidates.empty()) {
      std::string line;
      const auto outcome = worker_->receive(line, std::min(Clock::now() + limit, end_));
      if (outcome == Outcome::line && !line.starts_with('{')) continue;  // output of a driver
      if (outcome == Outcome::line) {
        reports.push_back(tuning_report_of(line));
      } else {
        const std::string reason =
            outcome == Outcome::ended
                ? worker_->how_it_ended()
                : fmt::format("it needed more than {} s", options_.candidate_seconds);
        worker_.reset();
        if (is_over()) return reports;  // not the fault of the candidate
        reports.push_back({reason, 0, 0});
      }
      job.candidates.erase(job.candidates.begin());
      if (!worker_) break;
    }
  }
  return reports;
}

bool TuningRun::measure(TuningJob job, std::vector<Measured>& measured) {
  const auto candidates = job.candidates;
  const auto reports = measure(std::move(job));
  for (std::size_t i = 0; i < reports.size(); ++i) measured.push_back({candidates[i], reports[i]});
  return reports.size() == candidates.size();
}

bool TuningRun::tune(const TuningTask& task) {
  const Candidate& usual = task.candidates.front();
  const auto job = [&](std::optional<Candidate> baseline, std::vector<Candidate> candidates) {
    return TuningJob{task.graph, std::move(baseline), std::move(candidates), task.memory};
  };
  std::vector<Measured> measured;
  if (!measure(job({}, {usual}), measured)) return false;
  std::optional<Candidate> baseline;
  if (works(measured[0])) {
    baseline = usual;
    measured[0].report.baseline_seconds = measured[0].report.seconds;
  }
  if (!measure(job(baseline, other_algorithms(task, baseline.has_value())), measured) ||
      !measure(job(baseline, promising_parameters(task, measured)), measured))
    return false;

  TuningOutcome outcome{task.key, {}, {}};
  for (const Measured& m : measured)
    if (!works(m)) outcome.rejected.emplace_back(m.candidate, m.report.error);
  const auto best = fastest(measured);
  if (best == measured.end()) {
    progress_.line(task.key + ": no working candidate");
    outcomes_.push_back(std::move(outcome));
    return true;
  }
  outcome.tuned = {usual, measured[0].report.seconds, measured[0].report.seconds};
  if (!baseline) {
    outcome.tuned = {best->candidate, best->report.seconds, 0};
  } else if (share(best->report) < margin) {
    // The fastest of many is partly lucky; a second measurement is not.
    const auto again = measure(job(usual, {best->candidate}));
    if (again.empty()) return false;
    if (again[0].error.empty() && share(again[0]) < margin)
      outcome.tuned = {best->candidate, again[0].seconds, again[0].baseline_seconds};
  }
  store(std::move(outcome));
  return true;
}

void TuningRun::store(TuningOutcome outcome) {
  file_ = store_tuning(device_.info(), {{outcome.key, outcome.tuned}});
  progress_.line(described(outcome));
  for (const auto& [candidate, reason] : outcome.rejected)
    progress_.line(fmt::format("  rejected {}: {}", to_string(candidate),
                               reason.substr(0, reason.find('\n'))));  // not the whole compiler log
  outcomes_.push_back(std::move(outcome));
}

void TuningRun::run(const std::vector<TuningTask>& tasks) {
  Tuning stored;
  if (const auto file = stored_tuning(device_.info()); file && !options_.again)
    stored = file->tuning;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (stored.count(tasks[i].key)) {
      ++known_;
      continue;
    }
    progress_.show(static_cast<std::int64_t>(i), static_cast<std::int64_t>(tasks.size()),
                   fmt::format("{} ({} candidates)", tasks[i].key, tasks[i].candidates.size()));
    if (is_over() || !tune(tasks[i])) ++left_;
  }
  progress_.clear();
  worker_.reset();
}

std::string TuningRun::summary() const {
  std::size_t faster = 0, rejected = 0;
  for (const TuningOutcome& outcome : outcomes_) {
    faster += outcome.tuned.seconds < outcome.tuned.default_seconds;
    rejected += outcome.rejected.size();
  }
  std::string text =
      fmt::format("{} kinds of node tuned, {} of them now faster; ", outcomes_.size(), faster);
  text += fmt::format("{} candidates rejected, {} kinds known, {} left", rejected, known_, left_);
  return file_.empty() ? text : text + "; stored in " + file_;
}

void serve_tuning(const std::string& name) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // else a hung kernel would outlive the tuner
  const auto device = open_device(name), reference = open_device("cpu");
  reference->set_tuning({});
  print("{}\n", ready);
  flush_output();
  serve_tuning_jobs(*device, *reference, std::cin, std::cout);
}

}  // namespace tessera::tools
