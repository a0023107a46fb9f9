#include "tools/train/run_log.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/shared/json_text.h"
#include "tools/shared/output_file.h"

namespace tessera::tools {
namespace {

using Json = nlohmann::ordered_json;

/// Writes options that are numbers as JSON numbers.
Json to_json(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  return json.is_number() || json.is_boolean() ? json : Json(text);
}

Json to_json(const OptionValue& option) {
  if (option.values.empty()) return true;
  if (option.values.size() == 1) return to_json(option.values.front());
  Json list = Json::array();
  for (const std::string& value : option.values) list.push_back(to_json(value));
  return list;
}

class RunLog final : public RunObserver {
 public:
  RunLog(const std::string& path, bool appends) : path_(path) {
    const bool half_a_line = appends && ends_within_a_line(path);
    file_ = open_output(path, appends ? std::ios::app : std::ios::trunc);
    if (half_a_line) file_ << '\n';
  }

  void on_start(const RunStart& start) override {
    const DeviceInfo& device = start.network.device().info();
    Json options = Json::object();
    for (const OptionValue& option : start.options)
      options[option.name.substr(2)] = to_json(option);
    write({{"event", "start"},
           {"time", wall_time()},
           {"version", TESSERA_VERSION},
           {"device", {{"id", device.id}, {"name", device.name}, {"driver", device.driver}}},
           {"model", start.network.model().name},
           {"data", start.state.data},
           {"train_images", start.train.size()},
           {"test_images", start.test.size()},
           {"step", start.state.step},
           {"options", options}});
  }

  void on_step(const StepReport& step) override {
    Json line = {{"event", "step"},          {"step", step.step},
                 {"epoch", step.epoch},      {"loss", step.loss},
                 {"learning_rate", step.lr}, {"images_per_second", step.images_per_second}};
    for (const DeviceRate& device : step.devices)
      line["devices"].push_back(
          {{"id", device.id}, {"images_per_second", device.images_per_second}});
    write(line);
  }

  void on_shares(const SharesReport& report) override {
    Json line = {{"event", "shares"}, {"step", report.shares.step}};
    if (!report.text.empty()) line["text"] = report.text;
    for (std::size_t i = 0; i < report.shares.devices.size(); ++i)
      line["devices"].push_back(
          {{"id", report.shares.devices[i]}, {"parts", report.shares.parts.at(i)}});
    write(line);
  }

  void on_epoch(const EpochReport& epoch) override {
    write({{"event", "epoch"},
           {"step", epoch.step},
           {"epoch", epoch.epoch},
           {"train_loss", epoch.train_loss},
           {"test_loss", epoch.test.loss},
           {"test_accuracy", epoch.test.accuracy},
           {"best", epoch.best},
           {"seconds", epoch.seconds}});
  }

  void on_end(const RunEnd& end) override {
    constexpr const char* names[] = {"end", "interrupted", "failed"};
    Json line = {{"event", names[static_cast<int>(end.outcome)]},
                 {"time", wall_time()},
                 {"step", end.step},
                 {"epochs", end.epochs},
                 {"seconds", end.seconds}};
    if (end.best.value)
      line["best"] = {{"epoch", end.best.epoch}, {to_string(end.best.by), *end.best.value}};
    if (end.early) line["stopped_early"] = true;
    if (end.outcome == Outcome::failed) line["error"] = end.error;
    write(line);
  }

 private:
  /// Starts a new line if a full disk cut off the last one.
  static bool ends_within_a_line(const std::string& path) {
    std::ifstream file(path, std::ios::ate);
    if (!file || file.tellg() <= 0) return false;
    file.seekg(-1, std::ios::end);
    return file.get() != '\n';
  }

  void write(const Json& line) {
    file_ << json_text(line) << '\n';
    check_written(file_, path_);
  }

  std::string path_;
  std::ofstream file_;
};

}  // namespace

std::unique_ptr<RunObserver> make_run_log(const std::string& path, bool appends) {
  return std::make_unique<RunLog>(path, appends);
}

}  // namespace tessera::tools
