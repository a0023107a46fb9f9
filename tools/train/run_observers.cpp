#include "tools/train/run_observers.h"

#include <utility>

#include "tools/report/report.h"
#include "tools/shared/standard_streams.h"
#include "tools/train/run_log.h"
#include "tools/train/tensorboard.h"

namespace tessera::tools {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

void ObserverOptions::add(CLI::App& command) {
  command.add_option("--log", log,
                     "log the training to this file, one JSON object per line; --resume appends");
  command.add_option("--tensorboard", tensorboard,
                     "write scalars, histograms of the weights and sample images to this folder, "
                     "for TensorBoard");
  command.add_option("--report", report,
                     "write an HTML report to this file when the training ends: curves, confusion "
                     "matrix, worst mistakes, time by layer");
}

RunObservers::RunObservers(const ObserverOptions& options, std::int64_t log_every, bool appends,
                           Progress& progress)
    : log_every_(log_every), progress_(progress) {
  if (!options.log.empty()) observers_.push_back(make_run_log(options.log, appends));
  if (!options.tensorboard.empty()) observers_.push_back(make_tensorboard(options.tensorboard));
  if (!options.report.empty()) observers_.push_back(make_report(options.report));
}

void RunObservers::tell(const std::function<void(RunObserver&)>& what) {
  std::erase_if(observers_, [&](const std::unique_ptr<RunObserver>& observer) {
    try {
      what(*observer);
      return false;
    } catch (const std::exception& error) {
      progress_.clear();
      print_error(message_of(error) + "; the training continues without it");
      return true;
    }
  });
}

void RunObservers::start(const RunStart& start) {
  began_ = Clock::now();
  tell([&](RunObserver& observer) { observer.on_start(start); });
}

void RunObservers::begin_epoch() {
  epoch_began_ = reported_ = Clock::now();
  images_ = 0;
}

void RunObservers::add(const LossSum& losses) { losses_ += losses; }

void RunObservers::step(StepReport report, const std::vector<DeviceSamples>& samples) {
  report.loss = std::exchange(losses_, {}).mean();
  const double seconds = seconds_since(reported_);
  report.images_per_second = static_cast<double>(std::exchange(images_, 0)) / seconds;
  for (const auto& [device, count] : samples)
    report.devices.push_back({device, static_cast<double>(count) / seconds});
  reported_ = Clock::now();
  tell([&](RunObserver& observer) { observer.on_step(report); });
}

void RunObservers::shares(const SharesReport& report) {
  tell([&](RunObserver& observer) { observer.on_shares(report); });
}

void RunObservers::epoch(EpochReport report) {
  report.seconds = seconds_since(epoch_began_);
  tell([&](RunObserver& observer) { observer.on_epoch(report); });
}

void RunObservers::end(RunEnd end) {
  end.seconds = seconds_since(began_);
  tell([&](RunObserver& observer) { observer.on_end(end); });
}

}  // namespace tessera::tools
