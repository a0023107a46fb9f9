#include "tools/train/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "event.pb.h"
#include "tessera/error.h"
#include "tessera/text.h"
#include "tools/predict/predictions.h"
#include "tools/shared/number_text.h"
#include "tools/shared/png.h"
#include "tools/train/record_file.h"

namespace tessera::tools {
namespace {

constexpr std::int64_t sample_images = 8;

/// TensorBoard recognizes its files by "tfevents" and sorts them by the time after it.
std::string new_file(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw Error(directory, "cannot be created: " + error.message());
  const auto name = fmt::format("events.out.tfevents.{:.0f}.{}.tessera", wall_time(), ::getpid());
  return std::filesystem::path(directory) / name;
}

/// Fills 64 buckets of equal width.
void fill(events::Histogram& histogram, const std::vector<float>& values) {
  constexpr int buckets = 64;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double min = static_cast<double>(*least), max = static_cast<double>(*most);
  const double width = max > min ? (max - min) / buckets : 1;
  std::vector<double> counts(buckets);
  double sum = 0, squares = 0;
  for (const float value : values) {
    const auto x = static_cast<double>(value);
    sum += x;
    squares += x * x;
    ++counts[std::min<std::size_t>(buckets - 1, static_cast<std::size_t>((x - min) / width))];
  }
  histogram.set_min(min);
  histogram.set_max(max);
  histogram.set_num(static_cast<double>(values.size()));
  histogram.set_sum(sum);
  histogram.set_sum_squares(squares);
  for (int i = 0; i < buckets; ++i) {
    histogram.add_bucket_limit(i + 1 == buckets && max > min ? max : min + (i + 1) * width);
    histogram.add_bucket(counts[static_cast<std::size_t>(i)]);
  }
}

void fill(events::Summary::Image& image, const ImageDataset& dataset, std::int64_t index) {
  image.set_height(static_cast<std::int32_t>(dataset.height()));
  image.set_width(static_cast<std::int32_t>(dataset.width()));
  image.set_colorspace(static_cast<std::int32_t>(dataset.channels()));
  image.set_encoded_image_string(encode_png(dataset, index));
}

/// Escapes text, such as the name of a class, for a cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (std::string_view("\\|*_`<>&[]").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

class TensorBoard final : public RunObserver {
 public:
  explicit TensorBoard(const std::string& directory) : file_(new_file(directory)) {
    events::Event event;
    event.set_wall_time(wall_time());
    event.set_file_version("brain.Event:2");
    file_.write(event.SerializeAsString());
  }

  void on_start(const RunStart& start) override {
    start_.emplace(start);
    const DeviceInfo& device = start.network.device().info();
    std::string table = "option | value\n---|---\n";
    for (const OptionValue& option : start.options)
      table += fmt::format("{} | {}\n", option.name.substr(2),
                           cell(fmt::format("{}", fmt::join(option.values, ", "))));
    Step step(start.state.step);
    step.text("run", fmt::format("{} on {} with {} ({}), Tessera {}\n\n{}",
                                 cell(start.network.model().name), cell(start.state.data),
                                 cell(device.name), device.id, TESSERA_VERSION, table));
    file_.write(step.record());
  }

  void on_step(const StepReport& report) override {
    Step step(report.step);
    step.scalar("train/loss", report.loss);
    step.scalar("train/learning_rate", report.lr);
    step.scalar("train/images_per_second", report.images_per_second);
    for (const DeviceRate& device : report.devices)
      step.scalar("train/images_per_second/" + device.id, device.images_per_second);
    file_.write(step.record());
  }

  void on_epoch(const EpochReport& report) override {
    Step step(report.step);
    step.scalar("epoch/train_loss", report.train_loss);
    step.scalar("test/loss", report.test.loss);
    step.scalar("test/accuracy", report.test.accuracy);
    const Params& params = start_->network.params();
    for (const auto& [name, entry] : params.entries())
      if (entry.role == Role::parameter)
        fill(*step.add("weights/" + printable(name)).mutable_histo(), params.read_floats(name));
    add_samples(step);
    file_.write(step.record());
  }

  void on_end(const RunEnd&) override {}

 private:
  /// An event that is being built.
  class Step {
   public:
    explicit Step(std::int64_t step) {
      event_.set_wall_time(wall_time());
      event_.set_step(step);
    }
    events::Summary::Value& add(const std::string& tag) {
      events::Summary::Value& value = *event_.mutable_summary()->add_value();
      value.set_tag(tag);
      return value;
    }
    /// Adds nothing for NaN, the value if all steps were skipped.
    void scalar(const std::string& tag, double number) {
      if (std::isnan(number)) return;
      add(tag).set_simple_value(static_cast<float>(number));
    }
    /// Adds Markdown text.
    void text(const std::string& tag, const std::string& text) {
      constexpr int strings = 7;
      events::Summary::Value& value = add(tag);
      value.mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
      value.mutable_tensor()->set_dtype(strings);
      value.mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(1);
      value.mutable_tensor()->add_string_val(text);
    }
    std::string record() const { return event_.SerializeAsString(); }

   private:
    events::Event event_;
  };

  /// Writes the first images with their predicted classes.
  void add_samples(Step& step) const {
    const ImageDataset& test = start_->test;
    const std::vector<std::string>& classes = test.classes();
    const auto name = [&](std::int32_t label) {
      return cell(classes.at(static_cast<std::size_t>(label)));
    };
    std::string table = "image | label | prediction | probability\n---|---|---|---\n";
    for (const Prediction& p :
         predict(start_->network, test, std::min(sample_images, test.size()), start_->weights)) {
      if (is_picture(test))
        fill(*step.add(fmt::format("test images/{}", p.image)).mutable_image(), test, p.image);
      table += fmt::format("{} | {} | {} | {}\n", p.image, name(p.label), name(p.best),
                           number_text(static_cast<double>(p.probability)));
    }
    step.text("test predictions", table);
  }

  RecordFile file_;
  std::optional<RunStart> start_;
};

}  // namespace

std::unique_ptr<RunObserver> make_tensorboard(const std::string& directory) {
  return std::make_unique<TensorBoard>(directory);
}

}  // namespace tessera::tools
