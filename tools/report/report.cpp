#include "tools/report/report.h"

#include <optional>

#include "tessera/error.h"
#include "tessera/output_file.h"
#include "tools/report/report_page.h"

namespace tessera::tools {
namespace {

class Report final : public RunObserver {
 public:
  explicit Report(const std::string& path) : path_(path) { check_output(path); }

  void on_start(const RunStart& start) override { start_.emplace(start); }
  void on_step(const StepReport& step) override { steps_.push_back(step); }
  void on_epoch(const EpochReport& epoch) override { epochs_.push_back(epoch); }

  void on_end(const RunEnd& end) override {
    ReportContent content{.start = *start_,
                          .steps = steps_,
                          .epochs = epochs_,
                          .end = end,
                          .predictions = {},
                          .layers = {},
                          .missing = {}};
    // Weights that are not finite predict nothing, and a user who interrupts a run does not want to
    // wait.
    if (end.outcome == Outcome::end) measure(content);
    write_file(path_, report_page(content));
  }

 private:
  /// Failures here, such as too little memory, must not cost the curves of hours of training.
  void measure(ReportContent& content) const {
    ImageClassifier& network = start_->network;
    const ImageDataset& test = start_->test;
    try {
      content.predictions = predict(network, test, test.size(), start_->weights);
      content.layers =
          layer_times(network, start_->state.options, start_->train, start_->state.batch);
    } catch (const Error& error) {
      content.missing = error.what();
    }
  }

  std::string path_;
  std::optional<RunStart> start_;
  std::vector<StepReport> steps_;
  std::vector<EpochReport> epochs_;
};

}  // namespace

std::unique_ptr<RunObserver> make_report(const std::string& path) {
  return std::make_unique<Report>(path);
}

}  // namespace tessera::tools
