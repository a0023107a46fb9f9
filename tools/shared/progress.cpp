#include "tools/shared/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tools/shared/number_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

constexpr std::chrono::milliseconds redraw_interval{100};

std::string bar(double fraction) {
  constexpr int width = 24;
  const int filled = static_cast<int>(fraction * width);
  return std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '.');
}

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::int64_t epochs, std::int64_t steps_per_epoch, std::int64_t log_every)
    : terminal_(isatty(STDOUT_FILENO) == 1),
      epochs_(epochs),
      steps_per_epoch_(steps_per_epoch),
      log_every_(log_every) {}

void Progress::begin_epoch(std::int64_t epoch, std::int64_t step) {
  epoch_ = epoch;
  first_step_ = step;
  began_ = Clock::now();
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - began_).count();
}

bool Progress::due(std::int64_t step) {
  if (!terminal_) return step % log_every_ == 0;
  return Clock::now() - shown_ >= redraw_interval;
}

void Progress::show(std::int64_t step, std::int64_t images, double loss) {
  shown_ = Clock::now();
  const double rate = static_cast<double>(images) / seconds();
  if (terminal_) {
    const std::int64_t steps_left = (epochs_ - epoch_ + 1) * steps_per_epoch_ - step;
    const double left =
        seconds() / static_cast<double>(step - first_step_) * static_cast<double>(steps_left);
    const double fraction = static_cast<double>(step) / static_cast<double>(steps_per_epoch_);
    print("\repoch {}/{} [{}] {:3.0f} %  {:.0f} images/s  loss {}  {} left \x1b[K", epoch_, epochs_,
          bar(fraction), 100 * fraction, rate, number_text(loss), minutes(left));
  } else {
    print("epoch {}/{} step {}/{} loss {} {:.0f} images/s\n", epoch_, epochs_, step,
          steps_per_epoch_, number_text(loss), rate);
  }
  flush_output();
}

void Progress::end_epoch(std::int64_t images, double loss, const ClassifierEvaluation& test) {
  clear();
  print(
      "epoch {}/{} train loss {} test loss {} test accuracy {:.4f} "
      "({:.0f} images/s, {})\n",
      epoch_, epochs_, number_text(loss), number_text(test.loss), test.accuracy,
      static_cast<double>(images) / seconds(), minutes(seconds()));
  flush_output();
}

void Progress::clear() {
  if (terminal_) print("\r\x1b[K");
}

CountProgress::CountProgress(bool silent)
    : terminal_(!silent && isatty(STDOUT_FILENO) == 1), silent_(silent) {}

void CountProgress::show(std::int64_t done, std::int64_t all, const std::string& text) {
  if (!terminal_) return;
  const double fraction =
      static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(all, 1));
  print("\r[{}] {}/{} {}\x1b[K", bar(fraction), done, all, text);
  flush_output();
}

void CountProgress::line(const std::string& text) {
  if (silent_) return;
  clear();
  print("{}\n", text);
  flush_output();
}

void CountProgress::clear() {
  if (terminal_) print("\r\x1b[K");
}

}  // namespace tessera::tools
